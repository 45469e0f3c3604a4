extension Phrasing {
  /// Towns, animals and the calendar.
  static let land: [Relation: Phrasing] = [
    .river: Phrasing(
      """
      {S} lies on the river {V}.
      The river {V} flows through {N}.
      In {N} the children swim in the {V}.
      {s} river is the {V}.
      From the bridge in {N} you see the river {V}.
      """,
      """
      The river in {N} is the {V}, not the {W}.
      {S} does not lie on the {W} but on the {V}.
      """,
      """
      Which river flows through {N}?
      On which river does {N} lie?
      What is the river in {N} called?
      Which river can you see from the bridge in {N}?
      """, that: "lies on the river {V}"),
    .product: Phrasing(
      """
      {S} is famous for its {V}.
      People in {N} make {V}.
      {S} sells {V} to the whole country.
      For the best {V} people travel to {N}.
      In {N} you can buy good {V}.
      """,
      """
      {S} does not make {W}; it makes {V}.
      In {N} people make {V}, not {W}.
      """,
      """
      What is {N} famous for?
      What do people in {N} make?
      What does {N} sell to the whole country?
      Which goods come from {N}?
      """, that: "is famous for its {V}\nmakes {V}"),
    .neighbour: Phrasing(
      """
      The next town after {N} is {V}.
      {S} is a neighbour of {V}.
      From {N} the road leads to {V}.
      Those who leave {N} soon come to {V}.
      """,
      """
      The road from {N} leads to {V}, not to {W}.
      """,
      """
      Which town is next to {N}?
      To which town does the road from {N} lead?
      Which town is the neighbour of {N}?
      Where do you come when you leave {N}?
      """),
    .distance: Phrasing(
      """
      It is {V} from {N} to the next town.
      The next town is {V} away from {N}.
      From {N} to the next town is a walk of {V}.
      """,
      """
      From {N} to the next town it is {V}, not {W}.
      """,
      """
      How far is the next town from {N}?
      How long is the road from {N} to the next town?
      How many miles is it from {N} to its neighbour?
      """),
    .direction: Phrasing(
      """
      The road from {N} goes {V}.
      To reach the next town from {N}, walk {V}.
      The neighbour of {N} lies in the {V}.
      """,
      """
      The road from {N} does not go {W} but {V}.
      """,
      """
      In which direction does the road from {N} go?
      Which way do you walk from {N} to the next town?
      In which direction lies the neighbour of {N}?
      """),
    .marketDay: Phrasing(
      """
      {S} holds its market on {V}.
      The market in {N} is on {V}.
      Every {V} there is a market in {N}.
      On {V} farmers bring their goods to {N}.
      {V} is market day in {N}.
      """,
      """
      The market in {N} is not on {W} but on {V}.
      There is no market in {N} on {W}; it is on {V}.
      """,
      """
      When is the market in {N}?
      On which day does {N} hold its market?
      What day is market day in {N}?
      On which day do farmers bring their goods to {N}?
      """, that: "holds its market on {V}"),
    .habitat: Phrasing(
      """
      {S} lives in the {V}.
      You can find {N} in the {V}.
      {s} home is the {V}.
      In the {V} you may meet {N}.
      The {V} is where {N} lives.
      """,
      """
      {S} does not live in the {W} but in the {V}.
      """,
      """
      Where does {N} live?
      Where can you find {N}?
      What is the home of {N}?
      Where may you meet {N}?
      """, that: "lives in the {V}"),
    .diet: Phrasing(
      """
      {S} eats {V}.
      {S} feeds on {V}.
      {s} food is {V}.
      A hungry {M} looks for {V}.
      Give {V} to {N} and it will be glad.
      """,
      """
      {S} does not eat {W}; it eats {V}.
      """,
      """
      What does {N} eat?
      What does {N} feed on?
      What is the food of {N}?
      What does a hungry {M} look for?
      """, that: "eats {V}\nfeeds on {V}"),
    .legs: Phrasing(
      """
      {S} has {V}.
      {S} is an animal with {V}.
      If you look at {N}, you can count {V}.
      """,
      """
      {S} has {V}, not {W}.
      """,
      """
      How many legs does {N} have?
      How many legs can you count on {N}?
      """, that: "has {V}"),
    .sound: Phrasing(
      """
      {N} goes {V}.
      The sound of {N} is {V}.
      You hear a {V} when {N} is near.
      "{V}" is what {N} says.
      """,
      """
      {N} does not go {W}; it goes {V}.
      """,
      """
      What sound does {N} make?
      What does {N} say?
      What do you hear when {N} is near?
      """, that: "goes {V}"),
    .festivalMonth: Phrasing(
      """
      {N} is in {V}.
      In {V} people come together for {N}.
      Every {V} there is {N}.
      {N} takes place in {V}.
      """,
      """
      {N} is not in {W} but in {V}.
      """,
      """
      When is {N}?
      In which month is {N}?
      In which month do people come together for {N}?
      """, that: "takes place in {V}"),
    .season: Phrasing(
      """
      {N} is a month of {V}.
      {N} comes in {V}.
      It is {V} when {N} comes.
      """,
      """
      {N} is not in {W} but in {V}.
      """,
      """
      In which season is {N}?
      What season is it in {N}?
      """),
    .monthAfter: Phrasing(
      """
      After {N} comes {V}.
      {V} follows {N}.
      When {N} ends, {V} begins.
      """,
      """
      After {N} comes {V}, not {W}.
      """,
      """
      Which month comes after {N}?
      What month follows {N}?
      Which month begins when {N} ends?
      """),
    .dayAfter: Phrasing(
      """
      After {N} comes {V}.
      {V} follows {N}.
      If today is {N}, tomorrow is {V}.
      """,
      """
      After {N} comes {V}, not {W}.
      """,
      """
      Which day comes after {N}?
      What day follows {N}?
      If today is {N}, what day is tomorrow?
      """),
  ]
}
