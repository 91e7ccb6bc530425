"""The words of the sample world, as plain lists; `words.py` turns them into objects.

The order of a list is the frequency rank: earlier words are drawn more often. A noun can be in
several groups, and then has the tags of all of them. A noun is `singular/plural`, a verb
`base/past/participle`; omitted forms are regular. `_` stands for a space within a word.
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

# verb | subjects | objects | places and other companions (`LOC` is in or on; `ADV` adverbs; `!` is
# obligatory).
# Marks after the verb: `=` a state (no progressive, no passive), `.` a moment (no progressive),
# `^` no passive, `~` can be reflexive, `>` the recipient can come first ("gave the girl a book").
VERBS = """
see/saw/seen=~ | human animal | human animal vehicle | LOC:land near:building behind:trees
like= | human | human animal food toy text event song place |
eat/ate/eaten | human | food | LOC:room land for:friend with:cutlery
go/went/gone | human | - | !to:place with:kin
play with^ | human pet | toy | LOC:room land with:kin
find/found/found. | human | treasure toy clothing tool pet | LOC:place under:furniture behind:sofa
give/gave/given> | human | toy text flower food clothing | !to:human
read/read/read | human | text | LOC:room land under:trees to:child on:seat
look at^~ | human | picture animal flower building | LOC:land through:window
want=^ | human | food toy clothing pet instrument |
make/made/made | human | snack baked toy kite picture | LOC:room for:human
have/had/had=^ | human | pet toy vehicle clothing kin instrument |
walk | human | - | !to:place through:land with:dog along:street river ADV:slowly calmly
run/ran/run | human dog horse | - | !to:place through:land around:house into:building ADV:quickly
buy/bought/bought | human | food clothing toy text machine | LOC:shop for:human
love= | human | human animal food song |
help~ | human | human | LOC:building with:problem
drink/drank/drunk | human | drink | LOC:room from:cup
sleep/slept/slept | human animal | - | LOC:room land under:trees ADV:peacefully deeply
sit/sat/sat | human pet | - | !on:seat under:trees near:window
open | human | container door window gate | with:key
open | human | text umbrella |
wash~ | human | clothing wheels cup fruit hand face foot | LOC:room river
chase | dog cat fox wolf | cat bird small | through:land around:house trees into:building
put/put/put | human | toy text clothing treasure fruit cup | !LOC:container on:surface under:seat
watch | human | bird event animal | LOC:land from:window with:kin
visit | human | kin museum castle zoo hospital |
draw/drew/drawn~ | human | picture animal building trees | with:pen LOC:room
write/wrote/written | human | text song | LOC:room with:pen to:human
call | human | human dog | from:building
carry | human | container | !to:place into:building across:street bridge
cook | human | vegetable cooked egg | LOC:kitchen for:kin
bake | human baker | baked bread | LOC:kitchen bakery for:human
sing/sang/sung | human | song | LOC:building land to:child
sing/sang/sung | bird | - | LOC:trees garden on:roof ADV:sweetly
bark | dog | - | at:human cat in:yard ADV:loudly angrily
climb | human cat monkey squirrel | trees hill wall mountain ladder |
swim/swam/swum | human marine duck | - | LOC:waters across:waters ADV:quickly slowly
fly/flew/flown | bird insect plane | - | over:land building to:trees ADV:quickly
catch/caught/caught | human fisherman | ball fish butterfly | with:net LOC:land
catch/caught/caught | cat owl fox | mouse bird rat | LOC:land barn
break/broke/broken | human | fragile window toy machine | with:hammer stone
cut/cut/cut | human | fruit vegetable baked bread rope | with:knife on:table
cut/cut/cut | knife | bread cheese rope meat baked |
cut/cut/cut | saw axe | trees |
throw/threw/thrown | human | ball stone stick | !to:human dog over:wall into:waters
kick | human | ball | over:wall into:garden to:human
ride/rode/ridden | human | horse bike pony donkey camel | to:place through:land
drive/drove/driven | human driver | car bus truck taxi tractor | to:place across:bridge
hide/hid/hidden | human pet mouse | - | !behind:furniture trees bush under:furniture LOC:room
hide/hid/hidden | human | treasure toy letter | !under:furniture LOC:container behind:picture
clean | human | room furniture window cup | with:brush
paint | human painter | wall door fence picture furniture | with:brush
teach/taught/taught~ | teacher | student child song | LOC:classroom
know/knew/known=^ | human | human secret answer song |
lose/lost/lost. | human | clothing treasure key toy | LOC:place
look for^ | human | clothing treasure pet toy key | LOC:place under:furniture behind:building
wait for^ | human | bus train kin | LOC:street near:building
listen to^ | human | song story radio bird | LOC:room
talk to^ | human | human | LOC:place about:event
talk about^ | human | event animal human book | LOC:room with:kin
think/thought about^ | human | problem event human dream plan idea | LOC:bed
laugh | human | - | at:joke clown ADV:loudly happily
cry | human baby child | - | LOC:room ADV:sadly loudly
smile | human | - | at:human ADV:happily politely proudly
dance | human dancer | - | LOC:hall building with:human ADV:happily gracefully
feed/fed/fed | human farmer | pet livestock bird | LOC:barn yard park
follow | human dog | human wild duck | through:land into:building
plant | human gardener farmer | flower tree | LOC:garden
water | gardener human | flower tree | LOC:garden
pick | human | flower fruit | LOC:garden field
grow/grew/grown | flower tree vegetable | - | LOC:garden field
grow/grew/grown | farmer gardener | vegetable fruit flower | LOC:farm garden
milk | farmer | cow goat | LOC:barn
sell/sold/sold | human baker | food vehicle clothing painting | to:human LOC:shop
send/sent/sent> | human | letter postcard picture flower | !to:human
show/showed/shown> | human | picture map toy ring | !to:human
bring/brought/brought> | human waiter | food drink flower chair | !to:human
tell/told/told> | human | story joke secret | !to:human
teach/taught/taught> | teacher kin | song game | !to:child student
lend/lent/lent> | human | book bike tool umbrella | !to:human
meet/met/met. | human | human | LOC:place near:building
kiss | human kin | kin baby frog |
hug | human | kin pet doll |
push | human | wagon gate door table | with:hand
pull | horse donkey tractor | wagon | along:street
wear/wore/worn | human | clothing crown | LOC:street
put/put/put on^ | human | clothing |
take/took/taken off^ | human | clothing | LOC:hall
pick up | human | toy clothing stone letter | from:street
turn on | human | lamp radio computer television flashlight | LOC:room
turn off | human | lamp radio computer television flashlight | LOC:room
leave/left/left | human | party house school room | with:kin
live= | human | - | !LOC:village city house island farm castle near:waters
live= | wild | - | !LOC:forest jungle mountain
live= | marine | - | !LOC:sea lake
work | human | - | !LOC:farm hospital garden shop school
arrive | human train bus ship | - | LOC:village city island
fall/fell/fallen | human | - | !into:waters from:trees horse ladder off:seat
fall/fell/fallen | leaf | - | !from:trees
fall/fell/fallen | apple pear plum peach | - | !from:tree
jump | human cat frog | - | !over:wall fence stone into:waters onto:seat
dig/dug/dug | dog | hole | LOC:garden yard under:fence
dig/dug/dug | human | hole | with:shovel LOC:garden beach
bite/bit/bitten | dog snake | human |
sting/stung/stung | bee mosquito | human pet |
lick | dog cat | human hand cup |
scratch~ | cat | furniture human |
hunt | wolf lion tiger hunter | deer rabbit zebra | LOC:forest
roar | lion tiger bear | - | LOC:jungle zoo ADV:loudly
buzz | bee mosquito | - | around:flower LOC:garden ADV:busily loudly
hiss | snake goose | - | at:human cat
howl | wolf hound | - | LOC:forest ADV:loudly
gallop | horse pony zebra | - | !through:field across:bridge valley
hop | rabbit frog kangaroo | - | !through:garden field over:stone
swing/swung/swung | monkey | - | !from:trees
lay/laid/laid | hen duck goose turtle | egg | LOC:barn nest yard
build/built/built | bird | nest | LOC:trees
build/built/built | human | house bridge tower boat cabin | near:waters LOC:hill valley
ring/rang/rung | bell phone | - | LOC:hall kitchen church ADV:loudly suddenly
shine/shone/shone | lamp flashlight | - | LOC:room ADV:brightly
stop | bus train car taxi | - | near:building LOC:street
sink/sank/sunk | ship boat | - | LOC:sea
win/won/won^. | human | race game |
answer | student human | question letter |
ask= | human | question | LOC:classroom
solve | human | problem riddle puzzle |
forget/forgot/forgotten. | human | key umbrella answer | LOC:building
remember= | human | song story party |
learn | student child | song poem | LOC:school
fix | human | bike car clock machine roof | LOC:garage with:hammer knife
repair | human | bike car clock boat | LOC:garage with:hammer knife
close | human | door window box book |
shut/shut/shut | human | door window box |
hold/held/held | human | cup rope balloon baby candle |
touch | human | flower wall animal nose | with:finger
share | human | baked fruit toy secret | with:human
pour | human | drink | !into:cup
spill | human | drink | !on:floor table carpet
fill | human | cup bucket | with:drink
sweep/swept/swept | human | floor street | with:broom
sew/sewed/sewn | tailor grandmother | dress shirt | with:needle
hit/hit/hit | human | nail | with:hammer
fold | human | shirt map newspaper |
steal/stole/stolen | thief fox crow | treasure hen egg | from:building
hurt/hurt/hurt~ | human | finger knee leg arm |
blame~ | human | human |
enjoy=~ | human | event song game |
invite | human | human | !to:party wedding picnic
thank | human | human | for:flower letter cake
hate= | human | rat spider onion snake |
miss= | human | kin |
speak/spoke/spoken to^ | human | human | LOC:street about:problem
shout | human | - | at:dog human ADV:loudly angrily
yell | human | - | at:dog human ADV:loudly angrily
rest | human livestock | - | LOC:room under:trees on:seat
whistle | human | - | LOC:street ADV:happily loudly
sneeze | human | - | LOC:classroom room ADV:loudly suddenly
count | human | coin sheep stone | LOC:bed
collect | human | stone shell coin postcard feather | LOC:beach
wrap | human | toy book cake | !in:newspaper
tie | human | rope horse | !to:trees fence
shake/shook/shaken | human | bottle tree |
choose/chose/chosen | human | hat dress toy book | LOC:shop
hear/heard/heard= | human | bird song bell owl | from:window
knit | grandma grandmother aunt | scarf sweater sock | for:kin
brush | human | tooth horse dog | with:brush
fetch | dog | stick ball | for:human
weave/wove/woven | spider | net | LOC:attic
study | student | map book | LOC:library
examine | doctor nurse | human tooth ear | LOC:hospital
guard | soldier hound | castle gate king queen |
juggle | clown | ball plum | LOC:street
"""

# A feeling and the actions it leads to.
REACTIONS = """hungry:eat cook bake buy | thirsty:drink | tired:sleep rest sit | sleepy:sleep |
sad:cry | happy:smile dance sing laugh | scared:hide run cry | angry:shout yell |
bored:read draw play_with | lonely:visit call talk_to write | excited:jump dance run |
sick:sleep rest | busy:work clean cook | worried:look_for call wait_for"""

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

# Verbs that take clauses, infinitives (without and with an object), gerunds, and adjectives; and
# verbs for saying that two people do the same.
THINKING = "think/thought say/said know/knew hope believe hear/heard dream notice explain guess"
WANTING = "want like try need learn decide hope forget/forgot promise"
ASKING = "ask tell/told help want teach/taught allow"
LIKING = "enjoy start stop like love hate finish"
SEEMING = "look seem feel/felt become/became/become"
ACCIDENTS = "hurt lose fall forget spill sneeze arrive break cry"  # nobody wishes for these
COMPARED = "like love have eat want see read hate know enjoy"

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
