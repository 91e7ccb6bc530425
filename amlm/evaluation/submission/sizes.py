"""Number of predictions that the leaderboard requires for each group (names in lower case)."""

from __future__ import annotations

BLIMP = {
    "adjunct_island": 928,
    "anaphor_gender_agreement": 971,
    "anaphor_number_agreement": 931,
    "animate_subject_passive": 895,
    "animate_subject_trans": 923,
    "causative": 818,
    "complex_np_island": 846,
    "coordinate_structure_constraint_complex_left_branch": 906,
    "coordinate_structure_constraint_object_extraction": 949,
    "determiner_noun_agreement_1": 929,
    "determiner_noun_agreement_2": 931,
    "determiner_noun_agreement_irregular_1": 681,
    "determiner_noun_agreement_irregular_2": 820,
    "determiner_noun_agreement_with_adj_2": 941,
    "determiner_noun_agreement_with_adj_irregular_1": 718,
    "determiner_noun_agreement_with_adj_irregular_2": 840,
    "determiner_noun_agreement_with_adjective_1": 933,
    "distractor_agreement_relational_noun": 788,
    "distractor_agreement_relative_clause": 871,
    "drop_argument": 920,
    "ellipsis_n_bar_1": 802,
    "ellipsis_n_bar_2": 828,
    "existential_there_object_raising": 812,
    "existential_there_quantifiers_1": 930,
    "existential_there_quantifiers_2": 911,
    "existential_there_subject_raising": 924,
    "expletive_it_object_raising": 759,
    "inchoative": 855,
    "intransitive": 868,
    "irregular_past_participle_adjectives": 961,
    "irregular_past_participle_verbs": 942,
    "irregular_plural_subject_verb_agreement_1": 804,
    "irregular_plural_subject_verb_agreement_2": 892,
    "left_branch_island_echo_question": 947,
    "left_branch_island_simple_question": 951,
    "matrix_question_npi_licensor_present": 929,
    "npi_present_1": 909,
    "npi_present_2": 914,
    "only_npi_licensor_present": 882,
    "only_npi_scope": 837,
    "passive_1": 840,
    "passive_2": 903,
    "principle_a_c_command": 946,
    "principle_a_case_1": 912,
    "principle_a_case_2": 915,
    "principle_a_domain_1": 914,
    "principle_a_domain_2": 915,
    "principle_a_domain_3": 941,
    "principle_a_reconstruction": 967,
    "regular_plural_subject_verb_agreement_1": 890,
    "regular_plural_subject_verb_agreement_2": 945,
    "sentential_negation_npi_licensor_present": 919,
    "sentential_negation_npi_scope": 871,
    "sentential_subject_island": 961,
    "superlative_quantifiers_1": 979,
    "superlative_quantifiers_2": 986,
    "tough_vs_raising_1": 948,
    "tough_vs_raising_2": 920,
    "transitive": 868,
    "wh_island": 960,
    "wh_questions_object_gap": 859,
    "wh_questions_subject_gap": 898,
    "wh_questions_subject_gap_long_distance": 857,
    "wh_vs_that_no_gap": 861,
    "wh_vs_that_no_gap_long_distance": 875,
    "wh_vs_that_with_gap": 919,
    "wh_vs_that_with_gap_long_distance": 910,
}
SUPPLEMENT = {
    "hypernym": 842,
    "qa_congruence_easy": 64,
    "qa_congruence_tricky": 165,
    "subject_aux_inversion": 3_867,
    "turn_taking": 280,
}
EWOK = {
    "agent-properties": 2_210,
    "material-dynamics": 770,
    "material-properties": 170,
    "physical-dynamics": 120,
    "physical-interactions": 556,
    "physical-relations": 818,
    "quantitative-properties": 314,
    "social-interactions": 294,
    "social-properties": 328,
    "social-relations": 1_548,
    "spatial-relations": 490,
}
_OPERATIONS = {  # entity tracking: number of items with 0 to 5 operations
    "regular": (606, 607, 606, 606, 568, 159),
    "ambiref": (607, 607, 604, 604, 615, 187),
    "move_contents": (605, 606, 605, 606, 529, 156),
}
ENTITY_TRACKING = {
    f"{split}_{number}_ops": size
    for split, sizes in _OPERATIONS.items()
    for number, size in enumerate(sizes)
}
SAME = {  # the same in both suites
    "wug_adj": {"wug_adj": 200},
    "wug_past": {"wug_past": 50},
    "reading": {"reading": 1_726},
}
FULL = {
    "blimp": BLIMP,
    "supplement": SUPPLEMENT,
    "ewok": EWOK,
    "entity_tracking": ENTITY_TRACKING,
    **SAME,
    "comps": {
        "base": 49_340,
        "wugs": 13_896,
        "wugs_dist_before": 13_896,
        "wugs_dist_in_between": 13_896,
    },
}
FAST = {
    "blimp": dict.fromkeys(BLIMP, 200),
    "supplement": dict.fromkeys(SUPPLEMENT, 50),
    "ewok": dict.fromkeys(EWOK, 100),
    "entity_tracking": {n: size for n, size in ENTITY_TRACKING.items() if n.startswith("regular")},
    **SAME,
}
SIZES = {"full": FULL, "fast": FAST}
GLUE = {
    "boolq": 1_635,
    "mnli": 4_908,
    "mrpc": 204,
    "multirc": 2_424,
    "qqp": 20_215,
    "rte": 139,
    "wsc": 52,
}
CONTEXTS = 8_005  # contexts in the age-of-acquisition task, at each checkpoint
MILLIONS = {  # millions of words at the checkpoints of a track
    "strict-small": (*range(1, 10), *range(10, 101, 10)),
    "strict": (*range(1, 10), *range(10, 100, 10), *range(100, 1_001, 100)),
}
