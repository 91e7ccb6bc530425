"""Each rule against lines of the BabyLM sources: what is left of them, and what it leaves alone."""

from __future__ import annotations

import pytest

from amlm.text.cleaning import RULES, Removed, clean

# rule, line, what is left of it; nothing where the line goes.
EDITED = [
    ("unicode", "in a poor area of \u200b\u200bMontevideo.", "in a poor area of Montevideo."),
    ("unicode", "Wolfe\u00adschlegel\u00adstein was born", "Wolfeschlegelstein was born"),
    ("unicode", "Cafe\u0301 \ufeffnoir\u200e", "Café noir"),
    ("unicode", "e\u200b\u0301", "é"),
    ("unicode", "a \u2060 b", "a b"),
    ("undecodable", "I �ve been shot in the back.", ""),
    ("undecodable", "His Chinese name was Danbo (��, ��).", ""),
    ("undecodable", "Thanks. \u00e2\u0099a Hanging on by a thread \u00e2\u0099a", ""),
    ("capital_headers", "THE STORY OF FATHER DAMIEN.", ""),
    ("capital_headers", "CHAPTER XIV.", ""),
    ("capital_headers", "3, 1878_.", ""),
    ("capital_headers", "* * * * *", ""),
    ("horizontal_rules", "_________", ""),
    ("horizontal_rules", "Yours truly, __________", ""),
    ("title_lines", "= = = Bridge (music) = = =", ""),
    ("title_lines", "= = = PG53602 = = =", ""),
    ("bracketed_notes", '[Illustration: "INCH BY INCH THEY WERE DRIVEN BACK"]', ""),
    ("bracketed_notes", "[Footnote 36: Pénicaut, in Margry V, 440.]", ""),
    ("short_lines", "Early life.", ""),
    ("short_lines", "Club career statistics.", ""),
    (
        "table_rows",
        "204||158 312||111 516||269 International career statistics. !Total||102||28",
        "",
    ),
    ("table_rows", 'Role ! class = "unsortable" | Notes', ""),
    ("table_rows", "List of senators. ! rowspan=2 | 1 !", ""),
    (
        "inline_notes",
        "Yes, there he was in the old place [Illustration: 0105] “Hush, Timothy,” said Albert",
        "Yes, there he was in the old place “Hush, Timothy,” said Albert",
    ),
    (
        "inline_notes",
        "the alliances of the Kataba [Footnote 3: Cf. Bancroft, II, 99.] extended",
        "the alliances of the Kataba extended",
    ),
    (
        "inline_notes",
        '"did him no good." [Illustration] [Illustration] V.',
        '"did him no good." V.',
    ),
    (
        "note_marks",
        "the Kasi'hta by whom are meant.[39] Quoth [578] the Sultan",
        "the Kasi'hta by whom are meant. Quoth the Sultan",
    ),
    (
        "note_marks",
        'loving you all the time?"[B] Mamma had turned her eyes',
        'loving you all the time?" Mamma had turned her eyes',
    ),
    (
        "note_marks",
        "in the Coronation Honours of 1937.[4][5] Joseph Lyons died",
        "in the Coronation Honours of 1937. Joseph Lyons died",
    ),
    (
        "category_links",
        "Other websites. [[Category:Japanese eras]] [[Category:810 establishments]]",
        "Other websites.",
    ),
    (
        "ornaments",
        "who had risen to his feet. " + "-" * 72 + " CHAPTER XXX.",
        "who had risen to his feet. CHAPTER XXX.",
    ),
    (
        "ornaments",
        "Then the train bore him away. * * * * * He did come back.",
        "Then the train bore him away. He did come back.",
    ),
    ("emphasis", "'Oh, Bobby, _do_ try again,' entreated", "'Oh, Bobby, do try again,' entreated"),
    ("emphasis", "=The= =Boy Troopers= =Series=", "The Boy Troopers Series"),
    ("emphasis", "20, 1879._ ‘Ours is not", "20, 1879. ‘Ours is not"),
    ("empty_parentheses", "Baltrum () is a barrier island", "Baltrum is a barrier island"),
    (
        "empty_parentheses",
        "Asma Fawaz al-Assad (, ; , : ; born 11 August 1975) is",
        "Asma Fawaz al-Assad (born 11 August 1975) is",
    ),
    (
        "empty_parentheses",
        'two villages: "Ostdorf" () and "Westdorf" ().',
        'two villages: "Ostdorf" and "Westdorf".',
    ),
    (
        "file_names",
        "*MOT: whee! = = = childes/CHILDES_UK/QuigleyMcNally/LR/Eri/000807.cha = = =",
        "*MOT: whee!",
    ),
    ("file_names", "= = = childes/CHILDES_NA/Tardif/e02.cha = = =", ""),
    ("speaker_codes", "*PAR1: but you.", "but you."),
    ("speaker_codes", "*KF: where's Ken? *Y: where's Ken?", "where's Ken? where's Ken?"),
    ("speaker_codes", "*MOT:", ""),
    ("speaker_codes", "B: and that's SISTERS.", "and that's SISTERS."),
    ("tiers", "*MOT: can he have more? %add: FAT", "*MOT: can he have more?"),
    ("tiers", "look at it! %int: screaming %add: Chi?", "look at it!"),
    ("annotations", "*MOT: ah [breathes in], quack quack.", "*MOT: ah, quack quack."),
    ("annotations", "[laughs] careful.", "careful."),
    ("annotations", "[open mouth noise], thank you.", "thank you."),
    ("annotations", "[CHI smiles] [CHI turns and looks at the yardstick]", ""),
    ("annotations", "*CHI: [babbles].", ""),
    ("annotations", "*MOT: that's [picture in book] Fritzy. [MOT points]", "*MOT: that's Fritzy."),
    ("annotations", "I'm hungry again [high] [! eating [loud] noises].", "I'm hungry again."),
    ("unintelligible", "how xxx you turn it?", ""),
    ("unintelligible", "I guess this do xxx.", ""),
    ("unintelligible", "*CHI: yyy too.", ""),
    ("transcriber_comments", "But your right. *your you're", "But your right."),
    ("transcriber_comments", "Way. *what is this?", "Way."),
    ("credits", "Subtitles by DramaFever Soo Yeon... - She scares me!", ""),
    ("credits", "(Flames crackling) == sync, corrected by elderman == @elder_man Daffy!", ""),
    ("credits", "Subtitles created by: .:`|~Cricket69~|`:.", ""),
    ("credits", "Ripped by Freaky.", ""),
    ("credits", "( Cheering ) Synced by yescool Corrected by APOLLO Thank you, Mr.", ""),
    ("credits", "Season 01 Episode 09 It's a bad idea.", ""),
    ("formatting", "{\\pos(192,220)}I'm fine. <i>You okay?</i>", "I'm fine. You okay?"),
    ("formatting", "You weren't. {\\They said that}You slept.", "You weren't. You slept."),
    (
        "formatting",
        "where to{\\we're gonna}put everything.",
        "where to put everything.",
    ),
    (
        "sound_notes",
        "(INHALES DEEPLY) Biggest mistake of your life.",
        "Biggest mistake of your life.",
    ),
    ("sound_notes", "Maybe. [¶¶¶] WOMAN [OVER PHONE]: Hello?", "Maybe. WOMAN: Hello?"),
    ("sound_notes", "Whoo! - [Doc] Yeah!", "Whoo! - Yeah!"),
    ("sound_notes", "(Cell phone rings) (Exhales)", ""),
    (
        "music_marks",
        "Cute. ♪ Waiting for the doors to open up ♪ ♪ To take a seat ♪",
        "Cute. Waiting for the doors to open up To take a seat",
    ),
    ("music_marks", "# Louie, Louie # Whoa # We gotta go #", "Louie, Louie Whoa We gotta go"),
    (
        "music_marks",
        "I promised him. * Lord, made the world",
        "I promised him. Lord, made the world",
    ),
    ("music_marks", "You have a beautiful profile **.", "You have a beautiful profile ."),
    ("music_marks", "♪ ♪", ""),
    ("dialogue_dashes", "-Oh, God!", "Oh, God!"),
    ("dialogue_dashes", "- Thank you. - No problem.", "Thank you. No problem."),
    ("dialogue_dashes", "You okay? -Yes, I'm fine.", "You okay? Yes, I'm fine."),
    ("dialogue_dashes", "Watch out! - - Hold on.", "Watch out! Hold on."),
    ("speaker_names", "MARY ELLEN: I think it's ugly.", "I think it's ugly."),
    ("speaker_names", "Jesus. MAN 1 : How's it going, man?", "Jesus. How's it going, man?"),
    ("speaker_names", "COP:", ""),
    ("spaced_marks", "Yeah , I've seen her recently, yeah.", "Yeah, I've seen her recently, yeah."),
    ("spaced_marks", "It's a rotten con. .", "It's a rotten con."),
    ("spaced_marks", "something about . .", "something about."),
    ("spaced_marks", "But I, ,", "But I,"),
    ("spaced_marks", "Are you alone? . - No.", "Are you alone? - No."),
    ("placeholders", "The numerator is written as formula_1.", ""),
    ("placeholders", "such as the Unix shell or the MS-DOS codice_2.", ""),
    ("web_addresses", "References. https://www.nasimahealth.com/is-quinoa-keto/", ""),
    ("web_addresses", "poll results from www.realclearpolitics.com All polls showed", ""),
    ("boilerplate", "End of Project Gutenberg's A Modern Cinderella, by Amanda M.", ""),
    ("boilerplate", "and the Online Distributed Proofreading Team at http://www.pgdp.net", ""),
    ("boilerplate", "Transcriber's note: page 157 - changed", ""),
    ("entities", "Tejano music is mixed with R&amp;B.", "Tejano music is mixed with R&B."),
    ("entities", "References. &lt;br&gt;", ""),
    ("entities", "one&amp;nbsp;two", ""),
]

LEFT_ALONE = [
    ("unicode", "naïve ½ ﬁn № ２ 👩‍🚀 می‌خواهم"),  # NFKC, or no joiners, would change these
    ("undecodable", "Śrem in Poland – and 日本"),
    ("capital_headers", "CHAPTER XXII RUSPAK GLOATS From a great bluff"),
    ("horizontal_rules", "_Second, or Apalachian branch._"),
    ("title_lines", "If a = b = c, they are equal."),
    ("bracketed_notes", "[thine] eye and open [thine] eye, and thou wilt"),
    ("short_lines", "She has two daughters."),
    ("table_rows", "The first class = second class."),
    ("inline_notes", '"Shut [thine] eye" and [here followed a long list of names]'),
    ("note_marks", '"Orange Coast Magazine" writes, "[T]he original machines"'),
    ("note_marks", "to [this country/the countries they live in] in [1705]"),
    ("category_links", "Bethany [beth-uh-nee]is a female first name."),
    ("ornaments", "My poor ---- came particularly badly off, 4 * 4"),
    ("emphasis", "the file snake_case has x = y and a == b"),
    ("empty_parentheses", "It is 27 nautical miles (50 km) northeast; (so it is)."),
    ("file_names", "it says here."),
    ("speaker_codes", "that is A: the first one."),
    ("speaker_codes", "A:B is a ratio of *MOT"),
    ("tiers", "it was 100% add: nothing"),
    ("annotations", "(it')s a doggie doggie!"),
    ("unintelligible", "Uncle Nwww is in the taxxxi."),
    ("transcriber_comments", "I like to hunt,"),
    ("credits", "If I'm inaccurate, I'll be corrected by you in time."),
    ("credits", "They ripped out our guts and read the transcript by Monday."),
    ("formatting", "2 < 3 and 4 > 1"),
    ("sound_notes", "I don't think so. :)"),
    ("music_marks", "We're #1 at C#, f***."),
    ("dialogue_dashes", "It was -5 degrees - well-known - and I--"),
    ("speaker_names", "Answer: 68 miles per hour."),
    ("speaker_names", "BP: 180/90."),
    ("speaker_names", "I went to NASA: it was fun."),
    ("spaced_marks", "driven back . . . . . ."),
    ("spaced_marks", "...and that's .5 or :) of it"),
    ("placeholders", "the formula of one"),
    ("web_addresses", "the www is a web: http"),
    ("boilerplate", "Johannes Gutenberg was produced by Mainz"),
    ("entities", "Rizzoli & Isles; AT&T"),
]


def left_of(rule: str, line: str) -> str:
    return "".join(clean([line], [rule], {}))


@pytest.mark.parametrize(("rule", "line", "left"), EDITED)
def test_rule_edits(rule: str, line: str, left: str) -> None:
    assert left_of(rule, line) == left


@pytest.mark.parametrize(("rule", "line"), LEFT_ALONE)
def test_rule_keeps(rule: str, line: str) -> None:
    assert left_of(rule, line) == line


def test_every_rule_is_tried_both_ways() -> None:
    elsewhere = {"sentences", "duplicate_starts"}  # of several lines
    assert {rule for rule, _, _ in EDITED} == set(RULES) - elsewhere
    assert {rule for rule, _ in LEFT_ALONE} == set(RULES) - elsewhere


def test_duplicate_starts_keep_the_first_and_forget_from_one_source_to_the_next() -> None:
    lines = [
        "He was born in 1942.",
        "He was born in London, England.",  # the same four words
        "He was born yesterday.",
        "Yes.",
        "He was born",
        "Yes.",  # a line of fewer words counts whole
    ]
    removed: dict[str, Removed] = {}
    kept = [lines[0], lines[2], lines[3], lines[4]]
    assert list(clean(lines, ["duplicate_starts"], removed)) == kept
    assert removed == {"duplicate_starts": Removed(lines=2, words=7)}
    assert list(clean(lines, ["duplicate_starts"], removed)) == kept
    assert removed == {"duplicate_starts": Removed(lines=4, words=14)}
