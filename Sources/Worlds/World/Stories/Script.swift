/// Stories: scripts of causally ordered events with characters, a goal, an obstacle and feelings.
///
/// A line of a script is one event; alternatives are divided by " / ". Slots: A the hero (a, s, m: he/she,
/// his/her, him/her), B the other (b, t, n likewise), O an object with its article ("the lamp"), X the noun
/// alone, G a goal ("cut the cord"), D the same deed done, T a town, P and Q places, C a colour, F a food, K a pet,
/// H and J feelings (good, bad), W a weekday, N a number word.
struct Script: Sendable {
  let lines: [[Template]]
  /// Whether every wording of an event names the story's thing, goal or the like, or is found in this
  /// script only: then the event is out of place in any other story.
  let isTelling: [Bool]
  /// Answers that fit no other script: of a tale what it is about, what went wrong and how it ended; of a quest
  /// each obstacle.
  let summary: [Template]

  /// `text` has one event a line; a line that begins with "=" is the summary.
  init(_ text: String, quest: Bool) {
    let phrases = Lexicon.phrases(text)
    let events = phrases.filter { !$0.hasPrefix("=") }.map { $0.split(separator: "/").map { $0.trimmed } }
    summary = phrases.filter { $0.hasPrefix("=") }
      .flatMap { $0.dropFirst().split(separator: "/").map { Template($0.trimmed) } }
    lines = events.map { $0.map { Template($0) } }
    isTelling = events.map { event in
      event.allSatisfy { wording in
        func has(_ slots: String) -> Bool { slots.contains { wording.contains("{\($0)}") } }
        return has("OXGDK") || (!quest && !has("HJ"))
      }
    }
  }

  /// One obstacle, or a second one after the first: a thing that was found, fetched or given back is broken.
  static let quests: [Script] =
    obstacleTexts.map { Script(questStart + $0 + questEnd, quest: true) }
    + [0, 2, 3].map { Script(questStart + obstacleTexts[$0] + obstacleTexts[1] + questEnd, quest: true) }

  /// What may come between a hero and a thing: the trouble, a feeling, the way out.
  static let obstacles = obstacleTexts.map { Script($0, quest: true) }
  /// What each obstacle is called in a question about it.
  static let obstacleSummaries = obstacles.flatMap(\.summary)

  private static let questStart = """
    {A} lived in {T}. / There was once a {E} in {T}, and {s} name was {A}. / {A} had a small house in {T}.
    One {W} {A} wanted to {G}. / On {W} {A} had a plan: {a} wanted to {G}. / "Today I will {G}," said {A}.
    For that {a} needed {O}. / {A} went to get {O}. / To do it {a} had to have {O}.

    """
  private static let obstacleTexts = [
    """
    But {O} was not in the {P}. / {A} looked in the {P}, but {O} was gone.
    {A} was {J} and looked everywhere. / This made {A} {J}.
    At last {a} found {O} in the {Q}. / In the end {O} was in the {Q}, under a sheet.
    = {O} was lost

    """,
    """
    But {O} was broken. / Oh no, {O} had a crack and fell apart.
    {A} was {J}. / {A} sat down and felt {J}.
    {B} came by and helped to mend {O}. / {A} took {O} to {B}, and {b} fixed it.
    = {O} was damaged

    """,
    """
    But {B} had borrowed {O}. / But {O} was still at the house of {B}.
    {A} felt {J} and put on {s} shoes. / {A} was {J} for a moment.
    {A} walked to {B} and asked for {O}. / {A} knocked on the door of {B}, and {b} gave back {O}.
    = someone else had {O}

    """,
    """
    But {O} was in the {P}, and the door was locked. / The {P} was locked, and {O} was inside.
    {A} pulled at the door and felt {J}. / {A} could not open the door and was {J}.
    {B} had the key and opened the {P}. / {A} called {B}, who opened the {P} with a key.
    = {O} was shut in

    """,
    """
    But {a} had no {X} at home. / But in the whole house there was no {X}.
    {A} counted {s} money and was {J}. / {A} felt {J}, for {s} purse was thin.
    {A} went to the market and bought a {C} {X}. / At the market {B} sold {A} a {C} {X}.
    = {a} owned no {X}

    """,
  ]
  private static let questEnd = """
    Now {A} took the {X} and {D}. / With the {X} in {s} hands, {A} {D}. / So {A} {D}, just as {a} had planned.
    {A} was {H} all evening. / That night {A} went to bed and felt {H}. / "What a good day," said {A}.
    {B} heard of it and smiled. / {A} told {B} about it the next day.
    """

  static let tales: [Script] = [
    """
    {A} had a little {K}. / A little {K} lived with {A}.
    One {W} the {K} ran away. / On {W} the gate stood open and the {K} was gone.
    {A} called and called, but the {K} did not come. / {A} looked for the {K} under every bush.
    {A} was {J} and began to cry. / Tears ran down the face of {A}.
    {B} told {m} to put some food outside. / "Put its bowl by the door," said {B}.
    {A} put a bowl of {F} in front of the door. / So {A} filled a bowl with {F} and waited by the door.
    At night the {K} smelled the {F} and came home. / Soon the hungry {K} came back for the {F}.
    {A} hugged the {K} and was {H}. / {A} held the {K} in {s} arms.
    = a lost {K} / the {K} ran away / the {K} came home
    """,
    """
    It was the birthday of {B}. / {B} turned one year older on {W}.
    {A} wanted to bake a cake for {B}. / {A} had promised {B} a cake.
    {a} mixed flour, eggs and honey. / In a big bowl {a} mixed flour and eggs.
    {A} put the cake into the oven and fell asleep. / While the cake was in the oven, {A} took a nap.
    When {A} woke up, the kitchen was full of smoke. / Black smoke came out of the oven.
    The cake was burned, and {A} was {J}. / {A} looked at the black cake and felt {J}.
    There was no time to bake again, so {A} cut some {F}. / {A} quickly made a plate of {F} instead.
    {B} laughed and ate all of the {F}. / "{F} is better than cake!" said {B}.
    = a birthday / the cake got too hot / they ate {F}
    """,
    """
    Dark clouds came over {T}. / The sky over {T} turned black.
    A storm tore a hole in the roof of {A}. / The wind took tiles from the roof of {A}.
    Rain fell right onto the bed of {A}. / Water dripped into the bedroom.
    {A} was {J} and put a bucket under the hole. / {A} put a bucket on the bed and felt {J}.
    In the morning {B} came with a ladder. / The next day {B} brought a ladder and nails.
    Together they climbed up and closed the hole. / {A} and {B} put new tiles on the roof.
    That night it rained again, but the bed stayed dry. / When the rain came back, not a drop fell inside.
    {A} slept well and felt {H}. / {A} thanked {B} with a pot of {F}.
    = a leaking roof / rain came in / the bed stayed dry
    """,
    """
    Every year there is a race in {T}. / The people of {T} met for the big race.
    {A} wanted to win the race. / {A} had trained for weeks to win.
    {a} ran fast and was soon in front. / At first {A} was in front of everybody.
    Then {A} saw {B} fall over a stone. / Behind {m} {B} fell and hurt a knee.
    {A} stopped and ran back to help. / {A} turned around and gave {B} a hand.
    They walked to the end together, and others won. / Side by side they came in last.
    {A} was not {J} at all. / Nobody laughed at them.
    The judge gave {A} a {C} ribbon for a kind heart. / For helping, {A} got a {C} ribbon.
    = a race / {B} fell down / {A} got a ribbon
    """,
    """
    {A} planted a seed behind the {P}. / In spring {A} put a seed into the ground by the {P}.
    For many days nothing happened. / Every day {a} looked, but there was only earth.
    {A} grew {J} and wanted to give up. / {A} felt {J} about the seed.
    "A seed needs water," said {B}. / {B} told {m} to water it every evening.
    So {A} carried water to the seed each evening. / From then on {A} watered it each day.
    After {N} days a green leaf came out of the ground. / Then a small leaf came up.
    In summer there was a tall plant with a {C} flower. / The plant grew and got a {C} flower.
    {A} was {H} and showed the flower to {B}. / {A} cut the flower and gave it to {B}.
    = a seed / nothing grew / there was a flower
    """,
    """
    {B} was ill and had to stay in bed. / {B} had a bad cold and could not get up.
    {A} wanted to make {n} feel better. / {A} heard of it and wanted to help.
    {A} cooked a pot of hot {F}. / At home {A} made hot {F} for {n}.
    On the way {A} met a big dog that blocked the bridge. / A growling dog stood in the middle of the road.
    {A} was {J} and stood still. / {A} did not dare to walk on.
    Then {a} threw a stick into the field, and the dog ran after it. / {A} threw a stick far away, and the dog ran off.
    {A} crossed over and knocked on the door of {B}. / Soon {A} stood at the bed of {B} with the pot.
    {B} ate the {F} and felt much better. / After the {F} the face of {B} was red and warm again.
    = a sick friend / a dog was in the way / {B} got well
    """,
    """
    {A} and {B} wanted to have a picnic by the river. / {A} asked {B} to come to a picnic.
    They packed {F} and a jug of milk. / {A} put {F} into a basket.
    When they sat down, it began to rain. / Just then heavy drops fell from the sky.
    The {F} got wet, and {B} was {J}. / {B} was {J} because of the rain.
    {A} saw an old {P} on the hill. / "Look, there is a {P}," said {A}.
    They ran to the {P} and sat on the dry floor. / In the {P} it was dry, and they sat down.
    They ate there and listened to the rain. / They told stories until the sun came out.
    Both of them were {H}. / It was the best picnic of the year.
    = a picnic / it began to rain / they ate in the {P}
    """,
    """
    {A} broke the {C} cup of {B}. / The {C} cup of {B} fell from the hand of {A}.
    {A} hid the pieces in the {P}. / Quickly {a} put the pieces into the {P}.
    {B} asked who had seen the cup. / "Where is my {C} cup?" asked {B}.
    {A} said nothing and felt {J}. / {A} looked at the floor and was {J}.
    At night {A} could not sleep. / All night {A} thought of the cup.
    In the morning {a} told {B} the truth. / The next day {A} showed {B} the pieces.
    "Thank you for telling me," said {B}. / {B} was not angry, because {A} had been honest.
    They glued the cup together, and {A} was {H}. / {A} made {n} a new cup.
    = a broken cup / {A} did not tell the truth / {B} forgave {A}
    """,
    """
    At night {A} heard a strange noise in the {P}. / A noise from the {P} woke {A} up.
    {a} thought of thieves and was {J}. / {A} pulled the blanket over {s} head.
    The noise came again, louder than before. / Something fell down in the {P}.
    {A} took a lamp and went to the {P}. / At last {A} got up and lit a lamp.
    {a} opened the door very slowly. / With a shaking hand {a} opened the door of the {P}.
    There sat a small {K} with its head in a jar. / A {K} had got stuck in a jar.
    {A} laughed and pulled the jar off. / Gently {A} set the {K} free.
    The {K} stayed with {A} from that day on. / {A} gave it some {F} and called it a friend.
    = a noise in the {P} / a {K} was stuck / the {K} stayed
    """,
    """
    {A} found a purse on the road to {T}. / On the way to {T} {A} saw a purse on the ground.
    There were {N} coins in it. / {a} opened it and counted {N} coins.
    {A} could have bought a new {X} with the money. / With so much money one can buy a {X}, thought {A}.
    But somebody must be {J} about it, thought {A}. / But the money was not {s} own.
    {A} asked at every door in {T}. / From house to house {A} asked who had lost a purse.
    {B} opened and said that the purse was gone. / At the last door stood {B}, who had lost it.
    {A} gave the purse back to {B}. / Without a word {A} put the purse into the hand of {B}.
    {B} was {H} and gave {A} a basket of {F}. / As a thank you {B} invited {m} for {F}.
    = a lost purse / somebody had lost money / {B} got the purse back
    """,
    """
    {A} wanted to learn to swim. / {A} had always been afraid of deep water.
    {B} took {m} to the river on {W}. / On {W} {B} came to teach {m}.
    {A} put one foot into the water and was {J}. / The water was cold, and {A} was {J}.
    "Hold my hand," said {B}. / {B} took {m} by the hand.
    Step by step {A} walked in up to {s} neck. / Slowly the water came up to {s} neck.
    {B} let go, and {A} moved {s} arms and legs. / Then {B} let go of the hand.
    {A} did not sink but swam all the way across. / For the first time {A} swam alone.
    {A} was {H} and swam until evening. / "I can swim!" cried {A}.
    = learning to swim / the water was deep / {A} could swim
    """,
    """
    {A} was asked to sing at the school in {T}. / There was to be a play in {T}, and {A} had to sing.
    For days {a} learned the words by heart. / {A} sang the song again and again at home.
    On the stage {A} forgot the first line. / When the curtain opened, {A} could not say a word.
    All the people looked at {m}, and {A} felt {J}. / The hall was silent, and {A} was {J}.
    {B} sat in the first row and hummed the tune. / Then {A} heard {B} softly hum the tune.
    The words came back, and {A} began to sing. / At once {A} knew the song again and sang.
    The people clapped for a long time. / Everybody stood up and clapped.
    {A} bowed and was {H}. / {A} gave {B} a {C} flower to say thank you.
    = a song / {A} forgot the words / the people clapped
    """,
  ].map { Script($0, quest: false) }
}
