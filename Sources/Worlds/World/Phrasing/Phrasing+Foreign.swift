extension Phrasing {
  /// How another author puts the same facts: no wording is shared with `of`.
  static let foreign: [Relation: Phrasing] = foreignPeople.merging(foreignLand) { a, _ in a }
    .merging(foreignThings) { a, _ in a }

  private static let foreignPeople: [Relation: Phrasing] = [
    .job: Phrasing(
      """
      {S} has learned the trade of a {V}.
      Ask {N} if you ever need a {V}.
      They say {S} makes a fine {V}.
      """, "{S} is no {W}; {S} is a {V}.",
      """
      As what does {N} work?
      Can you tell me the trade of {N}?
      What does {N} do all day?
      """, spoken: "By trade I am a {V}.\nPeople come to me when they need a {V}.",
      that: "has learned the trade of a {V}"),
    .home: Phrasing(
      """
      {S} has settled in {V}.
      The door of {N} is in {V}.
      Letters for {N} go to {V}.
      """, "Letters for {N} do not go to {W}; they go to {V}.",
      """
      Where has {N} settled?
      Where do letters for {N} go?
      In what place can I visit {N}?
      """, spoken: "I have settled in {V}.\nVisit me in {V}.", that: "has settled in {V}"),
    .birthMonth: Phrasing(
      """
      {S} came into the world in {V}.
      The year of {N} begins in {V}, with a cake.
      It was {V} when {N} was born.
      """, "It was {V} and not {W} when {N} was born.",
      """
      In what month did {N} come into the world?
      What month was it when {N} was born?
      When do we bake a cake for {N}?
      """, spoken: "I came into the world in {V}.", that: "came into the world in {V}"),
    .food: Phrasing(
      """
      {S} cannot get enough of {V}.
      Put {V} on the table, and {N} will come.
      The way to the heart of {N} is {V}.
      """, "Do not cook {W} for {N}; cook {V}.",
      """
      Of what can {N} never get enough?
      What shall I cook for {N}?
      With what can I please {N} at table?
      """, spoken: "I cannot get enough of {V}.", that: "cannot get enough of {V}"),
    .petKind: Phrasing(
      """
      {S} shares the house with a {V}.
      There is a {V} at the fire of {N}.
      {S} owns an animal: a {V}.
      """, "{S} does not own a {W}; it is a {V}.",
      """
      With what animal does {N} share the house?
      Which animal lies at the fire of {N}?
      What animal does {N} own?
      """, spoken: "I share my house with a {V}.", that: "shares the house with a {V}"),
    .petName: Phrasing(
      """
      The animal of {N} listens to the name {V}.
      "{V}!" is what {N} calls when it is time to feed.
      {V} belongs to {N} and has four walls and a bowl.
      """, "The animal of {N} does not listen to {W} but to {V}.",
      """
      To which name does the animal of {N} listen?
      What does {N} call when it is time to feed?
      """, spoken: "My animal listens to the name {V}.", that: "owns {V}, an animal"),
    .friend: Phrasing(
      """
      {S} trusts nobody more than {V}.
      You will often see {N} together with {V}.
      For {V} {N} would do anything.
      """, "{S} trusts {V} more than {W}.",
      """
      Whom does {N} trust most?
      Together with whom do you often see {N}?
      For whom would {N} do anything?
      """, spoken: "I trust nobody more than {V}.", that: "trusts nobody more than {V}"),
    .sibling: Phrasing(
      """
      The mother of {N} is also the mother of {V}.
      {S} and {V} slept in one room as children.
      In one house with {N} grew up {V}.
      """, "The mother of {N} is the mother of {V}, not of {W}.",
      """
      Who else has the mother of {N}?
      Who slept in one room with {N} as a child?
      """, spoken: "My mother is also the mother of {V}.", that: "slept in one room with {V}"),
  ]

  private static let foreignLand: [Relation: Phrasing] = [
    .river: Phrasing(
      """
      The boats of {N} sail on the {V}.
      When the {V} rises, {N} gets wet feet.
      {S} takes its water from the {V}.
      """, "{S} takes its water from the {V} and not from the {W}.",
      """
      On what river do the boats of {N} sail?
      From which river does {N} take its water?
      """, that: "takes its water from the {V}"),
    .product: Phrasing(
      """
      The workshops of {N} turn out {V}.
      Carts full of {V} leave {N} every week.
      {S} lives from its {V}.
      """, "{S} does not live from {W} but from {V}.",
      """
      What do the workshops of {N} turn out?
      From what does {N} live?
      What is on the carts that leave {N}?
      """, that: "lives from its {V}"),
    .neighbour: Phrasing(
      """
      Walk on from {N}, and you will see {V}.
      {S} and {V} share a road.
      From the tower of {N} you can see {V}.
      """, "From the tower of {N} you can see {V} but not {W}.",
      """
      Which town do you see from the tower of {N}?
      With which town does {N} share a road?
      """),
    .distance: Phrasing(
      """
      Whoever leaves {N} has {V} to walk.
      The road at {N} is {V} long.
      """, "The road at {N} is {V} long, not {W}.",
      """
      How long is the road at {N}?
      How far must one walk who leaves {N}?
      """),
    .direction: Phrasing(
      """
      The road at {N} runs {V}.
      Turn {V} when you leave {N}.
      """, "Turn {V} when you leave {N}, not {W}.",
      """
      Where does the road at {N} run?
      How must one turn who leaves {N}?
      """),
    .marketDay: Phrasing(
      """
      The square of {N} is full of people on {V}.
      Go to {N} on {V} if you want to sell a pig.
      {S} sets up its stalls on {V}.
      """, "{S} sets up its stalls on {V}, not on {W}.",
      """
      When is the square of {N} full of people?
      When does {N} set up its stalls?
      """, that: "sets up its stalls on {V}"),
    .habitat: Phrasing(
      """
      {S} makes its nest in the {V}.
      Whoever wants to watch {N} must go to the {V}.
      {S} feels safe in the {V}.
      """, "{S} feels safe in the {V} and not in the {W}.",
      """
      Where does {N} make its nest?
      Where must one go to watch {N}?
      Where does {N} feel safe?
      """, that: "feels safe in the {V}"),
    .diet: Phrasing(
      """
      {S} fills its belly with {V}.
      There are always {V} in the belly of {N}.
      {S} goes out at night for {V}.
      """, "{S} goes out for {V}, never for {W}.",
      """
      With what does {N} fill its belly?
      What does {N} go out for at night?
      """, that: "fills its belly with {V}"),
    .legs: Phrasing(
      """
      {S} stands on {V}.
      Nature gave {N} {V}.
      """, "Nature gave {N} {V}, not {W}.",
      """
      On how many legs does {N} stand?
      How many legs did nature give {N}?
      """, that: "stands on {V}"),
    .sound: Phrasing(
      """
      Listen: {V}, that is {N}.
      Whoever comes near {N} will hear {V}.
      """, "Listen: {V}, not {W}, that is {N}.",
      """
      What will one hear who comes near {N}?
      How does {N} sound?
      """, that: "can be heard to go {V}"),
    .festivalMonth: Phrasing(
      """
      We dance at {N} when it is {V}.
      {V} brings {N}.
      """, "{V} brings {N}, and not {W}.",
      """
      Which month brings {N}?
      When do we dance at {N}?
      """, that: "is danced in {V}"),
    .season: Phrasing(
      """
      {N} belongs to {V}.
      Of the months of {V} one is {N}.
      """, "{N} does not belong to {W} but to {V}.",
      """
      To which season does {N} belong?
      Of which season is {N} a month?
      """),
    .monthAfter: Phrasing(
      """
      On the last day of {N} we wait for {V}.
      {N} gives its place to {V}.
      """, "{N} gives its place to {V}, not to {W}.",
      """
      To which month does {N} give its place?
      For which month do we wait on the last day of {N}?
      """),
    .dayAfter: Phrasing(
      """
      We sleep once after {N}, and it is {V}.
      {N} is over when {V} comes.
      """, "We sleep once after {N}, and it is {V}, not {W}.",
      """
      What day is it when {N} is over?
      We sleep once after {N}: what day is it?
      """),
  ]

  private static let foreignThings: [Relation: Phrasing] = [
    .material: Phrasing(
      """
      They used {V} for {N}.
      Touch {N} and you feel {V}.
      {S} is nothing but {V}.
      """, "They used {V} for {N}, not {W}.",
      """
      What did they use for {N}?
      What do you feel when you touch {N}?
      """, that: "is nothing but {V}"),
    .colour: Phrasing(
      """
      {S} shines in {V}.
      Look for something {V}: that is {N}.
      They gave {N} a coat of {V}.
      """, "They gave {N} a coat of {V}, not of {W}.",
      """
      In which colour does {N} shine?
      A coat of what colour did they give {N}?
      """, that: "shines in {V}"),
    .use: Phrasing(
      """
      Whoever thinks of {V} thinks of {N}.
      {S} serves for {V}.
      """, "{S} serves for {V}, never for {W}.",
      """
      For what does {N} serve?
      Of what does one think with {N} in hand?
      """, that: "serves for {V}"),
    .price: Phrasing(
      """
      They ask {V} for {N}.
      Bring {V}, and {N} is yours.
      """, "They ask {V} for {N}, not {W}.",
      """
      How many coins do they ask for {N}?
      With how many coins is {N} yours?
      """, that: "is sold for {V}"),
    .place: Phrasing(
      """
      They put {N} back into the {V}.
      Who comes into the {V} sees {N} first.
      {S} gathers dust in the {V}.
      """, "{S} gathers dust in the {V}, not in the {W}.",
      """
      Where do they put {N} back?
      Where does {N} gather dust?
      """, that: "gathers dust in the {V}"),
    .sells: Phrasing(
      """
      The shelves of {N} hold {V}.
      Come to {N} with money and leave with {V}.
      """, "The shelves of {N} hold {V}, no {W}.",
      """
      What do the shelves of {N} hold?
      With what do people leave {N}?
      """, that: "has shelves full of {V}"),
    .shopTown: Phrasing(
      """
      {N} has its sign on a wall in {V}.
      People of {V} shop at {N}.
      """, "People of {V}, not of {W}, shop at {N}.",
      """
      People of which town shop at {N}?
      In which town is the sign of {N}?
      """, that: "has its sign in {V}"),
    .closedDay: Phrasing(
      """
      The owner of {N} rests on {V}.
      Do not go to {N} on {V}.
      """, "The owner of {N} rests on {V}, not on {W}.",
      """
      When does the owner of {N} rest?
      On what day should one not go to {N}?
      """, that: "rests on {V}"),
    .ingredient: Phrasing(
      """
      Cooks put {V} into {N}.
      {N} tastes of {V}.
      """, "{N} tastes of {V}, not of {W}.",
      """
      What do cooks put into {N}?
      Of what does {N} taste?
      """, that: "tastes of {V}"),
    .minutes: Phrasing(
      """
      Leave {N} on the fire for {V}.
      {N} needs {V}.
      """, "{N} needs {V}, not {W}.",
      """
      How long must {N} stay on the fire?
      How many minutes does {N} need?
      """, that: "needs {V}"),
  ]
}
