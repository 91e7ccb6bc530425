"""Nouns, adjectives, adverbs and nonce stems of the sample world; the verbs are in `verb_lexicon`.

The lists are plain text, which `words.py` turns into objects. The order of a list is the frequency
rank: earlier words are drawn more often. A noun is `singular/plural`, and an omitted plural is
regular. A noun in several groups has the tags of all of them. `_` is a space within a word.
"""

from __future__ import annotations

# Tags of a group -> its nouns.
NOUNS = {
    "person male human animate": """boy man/men king prince wizard policeman/policemen
        fisherman/fishermen gentleman/gentlemen waiter""",
    "person female human animate": "girl woman/women lady queen princess witch waitress",
    "male human animate kin parent": "father dad grandfather grandpa",
    "female human animate kin parent": "mother mom grandmother grandma",
    "male human animate kin": "brother uncle son nephew",
    "female human animate kin": "sister aunt daughter niece",
    "human animate kin": "friend neighbor cousin",
    "infant": "baby",
    "person human animate": """child/children teacher doctor farmer student nurse driver singer
        baker painter sailor writer pilot dancer soldier chef clown artist actor guest visitor
        tourist stranger judge tailor hunter gardener librarian thief/thieves hero captain""",
    "dog pet animal animate": "dog puppy hound poodle",
    "cat pet animal animate": "cat kitten",
    "pet small animal animate": "rabbit hamster",
    "bird animal animate": """bird duck hen owl robin parrot crow goose/geese swan eagle pigeon
        sparrow rooster""",
    "livestock animal animate": """horse cow sheep/sheep pig goat donkey pony lamb calf/calves
        ox/oxen""",
    "wild animal animate": """bear fox wolf/wolves lion monkey elephant deer/deer tiger giraffe
        zebra kangaroo camel""",
    "wild small animal animate": "mouse/mice squirrel frog hedgehog rat",
    "marine animal animate": "fish/fish whale dolphin shark seal",
    "insect small animal animate": "bee butterfly ant spider beetle mosquito",
    "reptile animal animate": "snake turtle lizard crocodile",
    "fruit food": "apple banana orange pear cherry strawberry plum peach lemon",
    "vegetable food": "carrot potato tomato onion bean cucumber pumpkin",
    "baked food": "cake cookie pie muffin pancake bun",
    "snack food": "sandwich egg sausage burger",
    "mass food": "bread cheese soup rice meat honey pasta ice_cream chocolate jam butter",
    "mass cooked": "soup rice meat pasta",
    "mass drink": "water milk juice tea coffee lemonade",
    "cup thing fragile": "cup glass bottle mug",
    "container thing": "box bag basket bucket jar drawer chest suitcase",
    "cutlery thing": "spoon fork",
    "tool thing": """hammer key rope shovel ladder broom needle nail flashlight bell net umbrella
        candle""",
    "cutter thing tool": "knife/knives saw axe",
    "brush tool thing": "brush",
    "pen thing": "pencil pen crayon",
    "seat furniture thing": "chair bed sofa bench couch armchair",
    "surface furniture thing": "table desk shelf/shelves",
    "furniture thing": "mirror curtain carpet cupboard",
    "toy thing": "ball doll kite puzzle balloon toy robot marble",
    "treasure thing": "coin ring watch wallet necklace crown",
    "instrument thing": "piano guitar drum violin flute trumpet",
    "text thing": "book letter story newspaper note poem diary magazine",
    "picture thing": "picture photo map drawing painting postcard",
    "vehicle thing wheels": "car bus train truck bike taxi tractor wagon",
    "vehicle thing": "boat ship plane",
    "clothing thing": "hat coat shoe shirt dress sock scarf/scarves jacket glove boot sweater",
    "machine thing": "phone clock radio lamp computer camera television",
    "part thing": "door window gate",
    "big thing part": "wall roof fence bridge",
    "room place": "kitchen bedroom garage bathroom hall attic cellar classroom",
    "building place": """house school shop store library hospital church barn castle museum bakery
        hotel cabin tower zoo theater cottage""",
    "shop place": "shop store bakery market",
    "land outdoor place": "park garden forest field yard village city desert jungle valley",
    "on land outdoor place": "hill beach street mountain farm road island playground",
    "waters outdoor place": "river lake pond pool stream sea",
    "trees plant": "tree oak willow",
    "flower plant": "flower rose daisy tulip",
    "plant": "bush",
    "body": "hand foot/feet face nose arm leg knee finger tooth/teeth ear",
    "event": "party game movie concert race show picnic wedding",
    "song": "song",
    "idea": "question problem secret joke plan answer riddle idea dream",
    "stone thing": "stone rock",
    "small_thing thing": "stick leaf/leaves feather shell",
    "nest": "nest",
    "hole": "hole",
    "floor": "floor",
    "male human animate name": """Tom Ben Sam Jack Leo Max Adam Noah Paul Peter David Luke Oscar
        Simon Henry Felix George Martin Daniel Robert Oliver Frank Victor Hugo Walter Edgar
        Arthur Bruno Cyrus Otto""",
    "female human animate name": """Anna Mia Lucy Emma Sara Kate Rosa Ella Maria Alice Jane Nora
        Julia Clara Laura Emily Helen Grace Ruby Sophie Hannah Irene Olivia Martha Ingrid Edith
        Wendy Fiona Yasmin Zoe""",
}  # fmt: skip

# Position in stacked adjectives, tags of nouns that the adjectives can modify, the adjectives.
ADJECTIVES = [
    (0, "human animal", "nice friendly clever kind brave lazy polite funny strange gentle rude"),
    (0, "thing place event song", "nice beautiful strange lovely wonderful ugly"),
    (0, "clothing vehicle machine instrument treasure toy", "expensive cheap useful fine"),
    (0, "text event song picture", "interesting boring funny exciting famous"),
    (0, "idea", "good strange silly interesting difficult easy important funny"),
    (0, "fruit vegetable baked snack mass", "fresh delicious good tasty"),
    (1, "animal thing plant place", "big small little large huge tiny"),
    (1, "human", "tall short little"),
    (1, "text event song", "long short"),
    (1, "trees building", "tall"),
    (1, "tool part wall rope ladder", "long short strong"),
    (1, "container stone furniture", "heavy light"),
    (2, "human animate", "old young"),
    (2, "thing place", "old new ancient"),
    (2, "drink soup", "hot cold warm cool"),
    (3, "human animate", """happy sad hungry tired angry thirsty scared sick sleepy bored lonely
        excited worried proud busy quiet"""),
    (3, "clothing cup container furniture machine vehicle", "clean dirty wet dry"),
    (3, "cup machine toy window vehicle furniture", "broken"),
    (3, "room building", "dark quiet empty warm cold noisy clean"),
    (3, "container cup", "empty full"),
    (3, "cutter needle", "sharp dull"),
    (3, "outdoor", "quiet peaceful"),
    (4, "clothing vehicle toy container flower part cup furniture kite pen",
     "red blue green yellow white black brown pink purple gray"),
    (4, "dog cat pet livestock bird", "brown black white gray"),
]  # fmt: skip

ANTONYMS = """big/small large/tiny huge/tiny big/little old/young new/ancient hot/cold warm/cool
happy/sad tall/short long/short clean/dirty wet/dry kind/rude clever/silly brave/scared
interesting/boring expensive/cheap beautiful/ugly heavy/light empty/full sharp/dull difficult/easy
quiet/noisy good/bad"""
SYNONYMS = """big/large small/little boat/ship shop/store sofa/couch clever/smart tasty/delicious
scared/frightened stone/rock picture/photo strange/odd angry/mad road/street close/shut fix/repair
shout/yell start/begin like/enjoy dad/father mom/mother grandpa/grandfather grandma/grandmother
quiet/silent lovely/beautiful"""

# Things ordered by size, for comparisons.
BY_SIZE = [
    "ant bee frog mouse hedgehog rabbit cat sheep pig bear horse elephant whale",
    "bike car truck bus train ship",
    "cherry plum lemon pear cucumber pumpkin",
    "cup bucket suitcase",
    "cabin house church castle",
]
KINDS = """animal:dog cat horse cow fish lion frog snake rabbit | bird:robin eagle owl crow sparrow
parrot swan | fruit:apple pear plum banana cherry | vegetable:carrot onion bean potato | tool:hammer
saw shovel axe | vehicle:car bus truck train taxi | insect:bee ant beetle butterfly | flower:rose
tulip daisy | tree:oak willow | toy:doll kite puzzle marble | instrument:piano guitar flute drum
violin"""

MANNER = "quickly slowly quietly carefully happily calmly gladly proudly secretly"
FREQUENCY = "often always usually never sometimes rarely"
# Kind of verb form -> time expressions that fit it, separated by commas.
TIMES = {
    "past": """yesterday, last night, last week, this morning, an hour ago, two days ago,
        last summer, on Monday, on Sunday, last Friday, in the evening,
        a year ago, at noon, last winter""",
    "present": """every day, every morning, on Sundays, in summer, every Friday, at night,
        in the morning, every week, in winter, after school""",
    "now": "now, right now, at the moment, today",
    "future": """tomorrow, next week, soon, tonight, on Monday, next summer, on Saturday, next year,
        in an hour, this afternoon""",
    "perfect": "today, this week, many times, since Monday, for years",
}
NUMBERS = "zero one two three four five six seven eight nine ten eleven twelve"

# Tags of things that can have an owner.
OWNABLE = "thing pet dog cat toy text clothing vehicle tool plan dream idea"

# Nonce stems: onset, nucleus, coda, and an optional light first syllable. Then combinations to
# exclude, because they are English words or offensive.
ONSETS = "bl d dr fl gl gr kl kr pl sl sm sn spl tr tw v vr w y z zw"
NUCLEI = "a a e e i i o o u u oo ee"
CODAS = "ck g b v x zz ft lb lf lp mp nk rb rk rp"
LIGHT = "ba da fo ga lu mo ne po ra so ta vi"
REAL = """blab black blank blimp blink blob block blog blurb dab daft damp dank dark deb deck deft
delft dev dick dig dink dock dog dork dove drab draft drag drank dreck dreg drift drink drug drunk
dub duck dug dumb dump dunk flab flag flank flax fleck flex flick flock flog flub flunk flux glib
glob gloom glug grab graft grift grig grub grump klan plank pleck plink plonk pluck plug plump slab
slack slag slav slick slink slob slog slug slump slunk slurp smack smeg smirk smock smog smuck smug
snack snag snark snick snob snog snub snug track tramp trek trick trig trix truck trug trump trunk
twerk twerp twig twink vag vamp verb vex wack wag wank warp wax web weeb week wick wig wimp wink
wog wolf wonk work yag yank yelp yob yolk york yuck zag zap zig zonk"""


def table(rows: str) -> dict[str, list[str]]:
    """Parses a list of the form `key: word word | key: word`."""
    split = (row.partition(":") for row in rows.split("|"))
    return {key.strip(): words.split() for key, _, words in split}


def both_ways(pairs: str) -> dict[str, str]:
    """The partner of each word in a list of `left/right`; of several partners, the first."""
    found: dict[str, str] = {}
    for left, _, right in (pair.partition("/") for pair in pairs.split()):
        found.setdefault(left, right)
        found.setdefault(right, left)
    return found
