/// A regular expression of a tokenizer.json, for split patterns that have no scanner of their own (`SplitPattern`):
/// leftmost-first with backtracking as Oniguruma matches, over UTF-8; a byte of no valid sequence counts as U+FFFD.
///
/// Character classes with categories, groups, alternation, greedy, lazy and possessive repetition, `(?i)`, look-ahead
/// and atomic groups are known; back references, look-behind, anchors other than `^` and `$` and scripts are not.
struct SplitExpression: Sendable {
  indirect enum Node: Sendable {
    case set(ScalarSet)
    case sequence([Node])
    case alternatives([Node])
    case repeated(Node, least: Int, most: Int, Mode)
    case lookAhead(Node, isNegative: Bool)
    case atomic(Node)
    case start
    case end
  }
  enum Mode: Sendable { case greedy, lazy, possessive }

  /// One step of the matcher; jumps are indices into the program.
  private enum Instruction: Sendable {
    /// Sets are indices into `sets`.
    case set(Int)
    case repeatSet(Int, least: Int, most: Int, Mode)
    case split(first: Int, second: Int)
    case jump(Int)
    /// The body follows, closed by `accept`; the program goes on at `next`.
    case lookAhead(next: Int, isNegative: Bool)
    case atomic(next: Int)
    case start
    case end
    case accept
  }

  private static let largestProgram = 1 << 13

  let source: String
  private var program: [Instruction] = []
  private var sets: [ScalarSet] = []

  /// - Throws: `SplitExpressionParser.Failure`, which says what is not known.
  init(_ source: String) throws {
    self.source = source
    var parser = SplitExpressionParser(source)
    try emit(parser.parse())
    program.append(.accept)
  }

  // MARK: Compiling

  private mutating func emit(_ node: Node) throws {
    if program.count > Self.largestProgram { throw SplitExpressionParser.Failure("too many repetitions") }
    switch node {
    case .set(let set): program.append(.set(number(of: set)))
    case .sequence(let nodes): for node in nodes { try emit(node) }
    case .alternatives(let nodes): try emitAlternatives(nodes[...])
    case .repeated(.set(let set), let least, let most, let mode):
      program.append(.repeatSet(number(of: set), least: least, most: most, mode))
    case .repeated(let node, let least, let most, .possessive):
      try emit(.atomic(.repeated(node, least: least, most: most, .greedy)))
    case .repeated(let node, let least, let most, let mode): try emitLoop(node, least, most, isLazy: mode == .lazy)
    case .lookAhead(let node, let isNegative): try emitBody(node) { .lookAhead(next: $0, isNegative: isNegative) }
    case .atomic(let node): try emitBody(node) { .atomic(next: $0) }
    case .start: program.append(.start)
    case .end: program.append(.end)
    }
  }

  private mutating func number(of set: ScalarSet) -> Int {
    if let known = sets.firstIndex(of: set) { return known }
    sets.append(set)
    return sets.count - 1
  }

  private mutating func emitAlternatives(_ nodes: ArraySlice<Node>) throws {
    guard let first = nodes.first else { return }
    if nodes.count == 1 { return try emit(first) }
    let split = program.count
    program.append(.accept)
    try emit(first)
    let jump = program.count
    program.append(.accept)
    program[split] = .split(first: split + 1, second: program.count)
    try emitAlternatives(nodes.dropFirst())
    program[jump] = .jump(program.count)
  }

  private mutating func emitLoop(_ node: Node, _ least: Int, _ most: Int, isLazy: Bool) throws {
    for _ in 0..<least { try emit(node) }
    func split(_ into: Int, _ past: Int) -> Instruction {
      isLazy ? .split(first: past, second: into) : .split(first: into, second: past)
    }
    if most == .max {
      if Self.canBeEmpty(node) { throw SplitExpressionParser.Failure("a repetition of what may be empty") }
      let loop = program.count
      program.append(.accept)
      try emit(node)
      program.append(.jump(loop))
      program[loop] = split(loop + 1, program.count)
    } else {
      var splits: [Int] = []
      for _ in least..<most {
        splits.append(program.count)
        program.append(.accept)
        try emit(node)
      }
      for place in splits { program[place] = split(place + 1, program.count) }
    }
  }

  private mutating func emitBody(_ node: Node, _ instruction: (Int) -> Instruction) throws {
    let place = program.count
    program.append(.accept)
    try emit(node)
    program.append(.accept)
    program[place] = instruction(program.count)
  }

  private static func canBeEmpty(_ node: Node) -> Bool {
    switch node {
    case .set: return false
    case .sequence(let nodes): return nodes.allSatisfy(canBeEmpty)
    case .alternatives(let nodes): return nodes.contains(where: canBeEmpty)
    case .repeated(let node, let least, _, _): return least == 0 || canBeEmpty(node)
    case .lookAhead, .start, .end: return true
    case .atomic(let node): return canBeEmpty(node)
    }
  }

  // MARK: Matching

  /// Where to go on when a path fails: at `pc` and `position`, or, for a repetition, also at every scalar boundary
  /// towards `limit`.
  private struct Choice {
    var pc: Int
    var position: Int
    var limit: Int
  }

  /// The end of the match that starts at `start`, -1 when there is none. An expression that backtracks without end
  /// does not match.
  func match(_ text: UnsafePointer<UInt8>, from start: Int, end: Int) -> Int {
    var budget = 1 << 16 + 64 * (end - start)
    return run(0, text, start, start, end, &budget)
  }

  private func run(
    _ first: Int, _ text: UnsafePointer<UInt8>, _ from: Int, _ origin: Int, _ end: Int, _ budget: inout Int
  ) -> Int {
    var choices: [Choice] = []
    var pc = first
    var position = from
    while true {
      budget -= 1
      if budget < 0 { return -1 }
      var fails = false
      switch program[pc] {
      case .accept: return position
      case .jump(let next): pc = next
      case .split(let next, let other):
        choices.append(Choice(pc: other, position: position, limit: position))
        pc = next
      case .set(let set):
        let length = length(text, position, end, in: set)
        if length > 0 {
          position += length
          pc += 1
        } else {
          fails = true
        }
      case .repeatSet(let set, let least, let most, let mode):
        let (low, high) = extent(text, position, end, set, least, most)
        if low < 0 {
          fails = true
        } else {
          pc += 1
          budget -= high - position
          switch mode {
          case .possessive: position = high
          case .greedy:
            if high > low { choices.append(Choice(pc: pc, position: high, limit: low)) }
            position = high
          case .lazy:
            if high > low { choices.append(Choice(pc: pc, position: low, limit: high)) }
            position = low
          }
        }
      case .lookAhead(let next, let isNegative):
        if (run(pc + 1, text, position, origin, end, &budget) >= 0) == isNegative { fails = true } else { pc = next }
      case .atomic(let next):
        let stop = run(pc + 1, text, position, origin, end, &budget)
        if stop < 0 {
          fails = true
        } else {
          position = stop
          pc = next
        }
      case .start: if position == 0 { pc += 1 } else { fails = true }
      case .end: if position == end { pc += 1 } else { fails = true }
      }
      if fails {
        guard let choice = choices.popLast() else { return -1 }
        (pc, position) = Self.resume(choice, text, end, &choices)
      }
    }
  }

  /// Takes up a choice; a repetition moves by one scalar and stays a choice while it can move on.
  private static func resume(
    _ choice: Choice, _ text: UnsafePointer<UInt8>, _ end: Int, _ choices: inout [Choice]
  ) -> (pc: Int, position: Int) {
    var position = choice.position
    if choice.limit < position {
      position = ScalarClassifier.previous(text, start: choice.limit, end: position)
    } else if choice.limit > position {
      position += max(ScalarClassifier.sequenceLength(text, at: position, end: end), 1)
    }
    if position != choice.limit { choices.append(Choice(pc: choice.pc, position: position, limit: choice.limit)) }
    return (choice.pc, position)
  }

  /// The length of the scalar at `position` when it is a member, else 0.
  @inline(__always)
  private func length(_ text: UnsafePointer<UInt8>, _ position: Int, _ end: Int, in set: Int) -> Int {
    if position >= end { return 0 }
    let byte = text[position]
    if byte < 0x80 { return sets[set].contains(UInt32(byte)) ? 1 : 0 }
    let length = ScalarClassifier.sequenceLength(text, at: position, end: end)
    let scalar = length == 0 ? 0xFFFD : ScalarClassifier.value(text, at: position, length: length)
    return sets[set].contains(scalar) ? max(length, 1) : 0
  }

  /// Where `least` and where at most `most` members in a row end; low is -1 when there are fewer than `least`.
  private func extent(
    _ text: UnsafePointer<UInt8>, _ start: Int, _ end: Int, _ set: Int, _ least: Int, _ most: Int
  ) -> (low: Int, high: Int) {
    var position = start
    var count = 0
    var low = least == 0 ? start : -1
    while count < most {
      let length = length(text, position, end, in: set)
      if length == 0 { break }
      position += length
      count += 1
      if count == least { low = position }
    }
    return (low, position)
  }
}
