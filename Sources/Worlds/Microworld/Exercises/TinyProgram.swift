/// A tiny language of list operations, written as a pipeline: `sort | reverse | take 2`. Values are lists
/// of words; some operations read the words as numbers. Used for the little programs in training text and,
/// through `parse` and `run`, to score programs that a model writes.
public struct TinyProgram: Equatable, Sendable {
  /// One stage of the pipeline, from list to list.
  public enum Operation: Equatable, Sendable {
    case reverse, sort, double, sum, count, largest, smallest, upper, letters, join, unique
    case take(Int), drop(Int), add(Int), times(Int)

    var needsNumbers: Bool {
      switch self {
      case .double, .sum, .add, .largest, .smallest: true
      default: false
      }
    }
  }

  /// First to last.
  public var operations: [Operation]
  public init(_ operations: [Operation]) { self.operations = operations }

  /// The program's text.
  public var text: String { operations.map(Self.text).joined(separator: " | ") }

  private static func text(_ operation: Operation) -> String {
    switch operation {
    case .reverse: "reverse"
    case .sort: "sort"
    case .double: "double"
    case .sum: "sum"
    case .count: "count"
    case .largest: "max"
    case .smallest: "min"
    case .upper: "upper"
    case .letters: "letters"
    case .join: "join"
    case .unique: "unique"
    case .take(let n): "take \(n)"
    case .drop(let n): "drop \(n)"
    case .add(let n): "add \(n)"
    case .times(let n): "repeat \(n)"
    }
  }

  /// What the program does, in words: one phrase per operation.
  public var description: String {
    operations.map {
      switch $0 {
      case .reverse: "turn the list around"
      case .sort: "sort the list"
      case .double: "double every number"
      case .sum: "add up all numbers"
      case .count: "count the items"
      case .largest: "find the largest number"
      case .smallest: "find the smallest number"
      case .upper: "write the words in capitals"
      case .letters: "split the words into letters"
      case .join: "join the items to one word"
      case .unique: "remove what comes twice"
      case .take(let n): "take the first \(n)"
      case .drop(let n): "drop the first \(n)"
      case .add(let n): "add \(n) to every number"
      case .times(let n): "repeat the list \(n) times"
      }
    }.joined(separator: ", then ")
  }

  /// Reads a program's text; nil when it is not one. Counts are limited to 99, programs to 16 operations.
  public init?(parsing text: String) {
    let parts = text.split(separator: "|", omittingEmptySubsequences: false).map { $0.trimmed }
    guard !parts.isEmpty, parts.count <= 16 else { return nil }
    var operations: [Operation] = []
    for part in parts {
      let words = part.split(separator: " ").map(String.init)
      let number = words.count == 2 ? Int(words[1]) : nil
      if let number, !(0...99).contains(number) { return nil }
      switch (words.first ?? "", number, words.count) {
      case ("reverse", nil, 1): operations.append(.reverse)
      case ("sort", nil, 1): operations.append(.sort)
      case ("double", nil, 1): operations.append(.double)
      case ("sum", nil, 1): operations.append(.sum)
      case ("count", nil, 1): operations.append(.count)
      case ("max", nil, 1): operations.append(.largest)
      case ("min", nil, 1): operations.append(.smallest)
      case ("upper", nil, 1): operations.append(.upper)
      case ("letters", nil, 1): operations.append(.letters)
      case ("join", nil, 1): operations.append(.join)
      case ("unique", nil, 1): operations.append(.unique)
      case ("take", let n?, 2): operations.append(.take(n))
      case ("drop", let n?, 2): operations.append(.drop(n))
      case ("add", let n?, 2): operations.append(.add(n))
      case ("repeat", let n?, 2): operations.append(.times(n))
      default: return nil
      }
    }
    self.operations = operations
  }

  /// What the value of a run may grow to: models write programs too, and `join | repeat 99` five times makes 19 GB.
  static let (mostItems, mostBytes) = (1000, 100_000)

  /// The output for a list of words; nil when a number is needed and a word found, a number grows beyond
  /// a million, a list beyond 1,000 items, or its words together beyond 100,000 bytes.
  public func run(_ input: [String]) -> [String]? {
    var list = input
    func bytes() -> Int { list.reduce(0) { $0 + $1.utf8.count } }
    for operation in operations {
      // No operation but `repeat` makes more than a few times what it is given.
      if bytes() > Self.mostBytes { return nil }
      if operation.needsNumbers {
        var numbers: [Int] = []
        for word in list {
          guard let number = Int(word), abs(number) <= 1_000_000 else { return nil }
          numbers.append(number)
        }
        switch operation {
        case .double: numbers = numbers.map { 2 * $0 }
        case .add(let n): numbers = numbers.map { $0 + n }
        case .sum: numbers = [numbers.reduce(0, +)]
        case .largest: numbers = numbers.max().map { [$0] } ?? []
        default: numbers = numbers.min().map { [$0] } ?? []
        }
        list = numbers.map(String.init)
        continue
      }
      switch operation {
      case .reverse: list.reverse()
      case .sort:
        let numbers = list.compactMap(Int.init)
        list = numbers.count == list.count ? numbers.sorted().map(String.init) : list.sorted()
      case .count: list = ["\(list.count)"]
      case .upper: list = list.map { $0.uppercased() }
      case .letters: list = list.flatMap { $0.map(String.init) }
      case .join: list = list.isEmpty ? [] : [list.joined()]
      case .unique:
        var seen = Set<String>()
        list = list.filter { seen.insert($0).inserted }
      case .take(let n): list = Array(list.prefix(n))
      case .drop(let n): list = Array(list.dropFirst(n))
      case .times(let n):
        if list.count * n > Self.mostItems || bytes() * n > Self.mostBytes { return nil }
        list = (0..<n).flatMap { [list] _ in list }
      default: break
      }
      if list.count > Self.mostItems { return nil }
    }
    return bytes() > Self.mostBytes ? nil : list
  }
}
