extension Phrasing {
  /// Objects, shops and recipes.
  static let things: [Relation: Phrasing] = [
    .material: Phrasing(
      """
      {S} is made of {V}.
      {S} was made from good {V}.
      Someone made {N} out of {V}.
      {s} material is {V}.
      It took some {V} to make {N}.
      """,
      """
      {S} is not made of {W} but of {V}.
      {S} looks like {W}, but it is made of {V}.
      """,
      """
      What is {N} made of?
      Of which material is {N} made?
      From what was {N} made?
      What material do you need to make {N}?
      """, that: "is made of {V}"),
    .colour: Phrasing(
      """
      {S} is {V}.
      {s} colour is {V}.
      Someone painted {N} {V}.
      {S} has a nice {V} colour.
      You know {N} by its {V} colour.
      """,
      """
      {S} is not {W} but {V}.
      {N} used to be {W}, but now it is {V}.
      """,
      """
      What colour is {N}?
      Which colour does {N} have?
      What is the colour of {N}?
      By which colour do you know {N}?
      """, that: "is {V}\nhas a {V} colour"),
    .use: Phrasing(
      """
      {S} is used for {V}.
      {S} is good for {V}.
      People use {N} for {V}.
      {N} helps with {V}.
      For {V} you take {N}.
      """,
      """
      {S} is not for {W}; it is for {V}.
      """,
      """
      What is {N} used for?
      What is {N} good for?
      With what does {N} help?
      What do people do with {N}?
      """, that: "is used for {V}"),
    .price: Phrasing(
      """
      {S} costs {V}.
      {s} price is {V}.
      You can buy {N} for {V}.
      {S} is worth {V}.
      Whoever wants {N} must pay {V}.
      """,
      """
      {S} does not cost {W} but {V}.
      """,
      """
      How much does {N} cost?
      What is the price of {N}?
      For how much can you buy {N}?
      How much must you pay for {N}?
      """, that: "costs {V}"),
    .place: Phrasing(
      """
      {S} is kept in the {V}.
      {S} stands in the {V}.
      You will find {N} in the {V}.
      {s} place is in the {V}.
      In the {V} you can see {N}.
      """,
      """
      {S} is not in the {W} but in the {V}.
      Do not look for {N} in the {W}; it is in the {V}.
      """,
      """
      Where is {N} kept?
      Where can you find {N}?
      In which place is {N}?
      Where should you look for {N}?
      """, that: "is kept in the {V}\nstands in the {V}"),
    .sells: Phrasing(
      """
      {N} sells {V}.
      At {N} you can buy {V}.
      The shop called {N} is full of {V}.
      For {V} people go to {N}.
      """,
      """
      {N} does not sell {W} but {V}.
      """,
      """
      What does {N} sell?
      What can you buy at {N}?
      For what do people go to {N}?
      """, that: "sells {V}"),
    .shopTown: Phrasing(
      """
      {N} is a shop in {V}.
      In {V} there is a shop called {N}.
      {N} stands on the main street of {V}.
      You will find {N} in {V}.
      """,
      """
      {N} is not in {W} but in {V}.
      """,
      """
      In which town is {N}?
      Where is the shop called {N}?
      In which town can you find {N}?
      """, that: "stands in {V}"),
    .closedDay: Phrasing(
      """
      {N} is closed on {V}.
      On {V} the door of {N} stays shut.
      Nobody can shop at {N} on {V}.
      """,
      """
      {N} is not closed on {W} but on {V}.
      """,
      """
      When is {N} closed?
      On which day is {N} closed?
      On which day does the door of {N} stay shut?
      """, that: "is closed on {V}"),
    .ingredient: Phrasing(
      """
      {N} is made with {V}.
      To cook {N} you need {V}.
      No {N} without {V}.
      The secret of {N} is {V}.
      """,
      """
      {N} is not made with {W} but with {V}.
      """,
      """
      What do you need to cook {N}?
      What is the secret of {N}?
      What goes into {N}?
      """, that: "is made with {V}"),
    .minutes: Phrasing(
      """
      {N} cooks for {V}.
      It takes {V} to make {N}.
      {N} is ready after {V}.
      """,
      """
      {N} does not cook for {W} but for {V}.
      """,
      """
      How long does {N} cook?
      How long does it take to make {N}?
      When is {N} ready?
      """, that: "is ready after {V}"),
  ]
}
