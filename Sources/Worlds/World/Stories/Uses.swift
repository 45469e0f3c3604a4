/// What things are for. Every object of the world belongs to one use; a use comes with goals that any of
/// its objects achieves. `goals` are infinitives without "to"; `past` tells the same deed done.
struct Use: Sendable {
  let gerund: String
  let goals: [String]
  let past: [String]
  /// Nouns; a trailing "~" marks a soft thing (made of cloth and the like).
  let objects: [String]

  private init(_ line: String) {
    let fields = line.split(separator: "|").map { $0.trimmed }
    gerund = fields[0]
    goals = fields[1].split(separator: ",").map { $0.trimmed }
    past = fields[2].split(separator: ",").map { $0.trimmed }
    objects = fields[3].split(separator: " ").map(String.init)
  }

  /// gerund | goals | the same in the past | objects
  static let all: [Use] = Lexicon.phrases(
    """
    cutting | cut the cord, slice the loaf, trim the twig | cut the cord, sliced the loaf, trimmed the twig | knife scissors saw
    carrying water | bring water to the hens, fill the bath, water the roses | brought water to the hens, filled the bath, watered the roses | bucket jug pail
    giving light | see in the dark, read at night, light the path | saw in the dark, read at night, lit the path | lamp candle lantern
    keeping warm | stay warm in bed, warm the baby, keep out the cold | stayed warm in bed, warmed the baby, kept out the cold | blanket~ shawl~ coat~
    digging | dig a hole, plant a tree, turn the soil | dug a hole, planted a tree, turned the soil | spade shovel hoe
    sweeping | clean the floor, sweep up the crumbs, tidy the yard | cleaned the floor, swept up the crumbs, tidied the yard | broom brush mop
    writing | write a letter, make a list, copy a poem | wrote a letter, made a list, copied a poem | pen pencil quill
    cooking | cook the stew, boil an egg, fry the fish | cooked the stew, boiled an egg, fried the fish | pot pan cauldron
    sewing | mend a shirt, sew on a button, fix a torn sleeve | mended a shirt, sewed on a button, fixed a torn sleeve | needle thimble thread~
    fishing | catch a trout, fish in the pond, pull in a carp | caught a trout, fished in the pond, pulled in a carp | net~ rod hook
    building | drive in a peg, fix the fence, build a shelf | drove in a peg, fixed the fence, built a shelf | hammer mallet drill
    sitting | sit by the fire, rest tired legs, sit down for a meal | sat by the fire, rested tired legs, sat down for a meal | chair stool bench
    storing things | store the toys, pack the clothes, put away the letters | stored the toys, packed the clothes, put away the letters | box chest trunk
    making music | play a tune, make music, lead a dance | played a tune, made music, led a dance | harp flute fiddle
    telling time | know the hour, time the race, wake up at six | knew the hour, timed the race, woke up at six | clock watch sundial
    climbing | reach the roof, pick high pears, climb the wall | reached the roof, picked high pears, climbed the wall | ladder rope~
    crossing water | cross the lake, row to the island, float downstream | crossed the lake, rowed to the island, floated downstream | ferry raft canoe
    seeing far away | see a far ship, watch the stars, look at the far hill | saw a far ship, watched the stars, looked at the far hill | telescope spyglass
    weighing | weigh the flour, measure the sugar, divide the gold | weighed the flour, measured the sugar, divided the gold | scale balance
    eating | eat the soup, taste the porridge, serve the peas | ate the soup, tasted the porridge, served the peas | spoon ladle bowl
    drinking | drink some milk, have some tea, take a sip of water | drank some milk, had some tea, took a sip of water | cup mug goblet
    sleeping | take a nap, sleep well, lie down at night | took a nap, slept well, lay down at night | bed pillow~ hammock~
    locking | lock the gate, close the safe, shut the hut | locked the gate, closed the safe, shut the hut | key padlock bolt
    keeping dry | walk in the rain, stay dry, keep the rain off | walked in the rain, stayed dry, kept the rain off | umbrella~ cape~ hood~
    drying | dry the dishes, wipe the table, dry wet hands | dried the dishes, wiped the table, dried wet hands | towel~ rag~ napkin~
    grinding | grind the pepper, crush the seeds, make powder | ground the pepper, crushed the seeds, made powder | mortar grinder
    playing | play in the yard, have fun with friends, amuse a child | played in the yard, had fun with friends, amused a child | ball~ kite~ doll~
    hauling | move the bricks, haul the hay, take logs home | moved the bricks, hauled the hay, took logs home | cart barrow sled
    decorating | make the room pretty, dress up the table, welcome a guest | made the room pretty, dressed up the table, welcomed a guest | vase wreath~ ribbon~
    tidying hair | comb the hair, get ready for the dance, smooth a beard | combed the hair, got ready for the dance, smoothed a beard | comb hairbrush
    finding the way | find the road, plan a trip, get out of the woods | found the road, planned a trip, got out of the woods | map~ compass
    chopping wood | split the log, fell the old pine, make firewood | split the log, felled the old pine, made firewood | axe hatchet
    washing | wash off the mud, clean the dirty dog, scrub the shirts | washed off the mud, cleaned the dirty dog, scrubbed the shirts | tub basin sponge~
    covering the head | shade the eyes, cover a bald head, look smart | shaded the eyes, covered a bald head, looked smart | hat~ cap~ helmet
    giving signals | call the dog, signal the ship, warn the village | called the dog, signalled the ship, warned the village | whistle horn gong
    painting | paint a picture, colour the wall, draw a face | painted a picture, coloured the wall, drew a face | paintbrush palette
    """
  ).map(Use.init)
}
