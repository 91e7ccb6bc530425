"""Verbs of the sample world, as plain text; `words.py` turns them into objects.

The order of a list is the frequency rank: earlier words are drawn more often. A verb is
`base/past/participle`; omitted forms are regular. `_` is a space within a word.
"""

from __future__ import annotations

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

# Verbs that take clauses, infinitives (without and with an object), gerunds, and adjectives; and
# verbs for saying that two people do the same.
THINKING = "think/thought say/said know/knew hope believe hear/heard dream notice explain guess"
WANTING = "want like try need learn decide hope forget/forgot promise"
ASKING = "ask tell/told help want teach/taught allow"
LIKING = "enjoy start stop like love hate finish"
SEEMING = "look seem feel/felt become/became/become"
ACCIDENTS = "hurt lose fall forget spill sneeze arrive break cry"  # nobody wishes for these
COMPARED = "like love have eat want see read hate know enjoy"
