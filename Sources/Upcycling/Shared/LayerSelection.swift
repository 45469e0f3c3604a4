import Groundwork

/// Which layers of a model are converted.
public enum LayerSelection: Equatable, Sendable {
  /// Every layer of the model.
  case all
  /// These layers, from 0, in any order.
  case list([Int])
  /// This share of all layers, spread evenly and symmetric about the middle: 50 % of 16 layers gives the
  /// paper's 1, 3, 5, 7, 8, 10, 12, 14.
  case percent(Double)
  /// The first layers, so many or this share of all (FarSkip's partial conversions).
  case first(Extent)
  /// The same from the end.
  case last(Extent)

  /// Of neighbouring layers.
  public enum Extent: Equatable, Sendable {
    /// Layers, at least 1.
    case count(Int)
    /// Of all layers, above 0 and at most 100; rounded to a whole number of at least 1.
    case percent(Double)

    /// Reads `4` or `90%`.
    init?(_ text: Substring) {
      if text.hasSuffix("%") {
        guard let share = Double(text.dropLast()), share > 0, share <= 100 else { return nil }
        self = .percent(share)
      } else {
        guard let count = Int(text), count > 0 else { return nil }
        self = .count(count)
      }
    }

    var text: String {
      switch self {
      case .count(let count): "\(count)"
      case .percent(let share): "\(share)%"
      }
    }

    func count(of layers: Int) throws -> Int {
      switch self {
      case .percent(let share): return max(1, Int((Double(layers) * share / 100).rounded()))
      case .count(let count):
        if count <= layers { return count }
        throw UpcycleError.usage(
          "more layers than there are", at: "`layers`", expected: "at most \(layers)", found: "\(count)")
      }
    }
  }

  /// Reads `all`, `1,3,5`, `0-3,8`, `50%`, `first:4` or `last:90%`.
  public init(_ text: String) throws {
    func refuse(_ part: Substring) -> UpcycleError {
      .usage(
        "bad layer list", at: "`layers`",
        expected: "all, a list like 1,3,5 or 0-3, a share like 50%, or an end like last:90%", found: "\"\(part)\"")
    }
    if text == "all" {
      self = .all
    } else if text.hasPrefix("first:") || text.hasPrefix("last:") {
      let isFirst = text.hasPrefix("first:")
      guard let extent = Extent(text.dropFirst(isFirst ? 6 : 5)) else { throw refuse(text[...]) }
      self = isFirst ? .first(extent) : .last(extent)
    } else if text.hasSuffix("%") {
      guard let share = Double(text.dropLast()), share > 0, share <= 100 else { throw refuse(text[...]) }
      self = .percent(share)
    } else {
      self = .list(
        try text.split(separator: ",", omittingEmptySubsequences: false).flatMap { part -> [Int] in
          let ends = part.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
          if ends.count == 1, let layer = ends[0] { return [layer] }
          guard ends.count == 2, let first = ends[0], let last = ends[1], first <= last, last < 1 << 16 else {
            throw refuse(part)
          }
          return Array(first...last)
        })
    }
  }

  /// As `init(_:)` reads it.
  public var text: String {
    switch self {
    case .all: "all"
    case .list(let layers): layers.map(String.init).joined(separator: ",")
    case .percent(let share): "\(share)%"
    case .first(let extent): "first:\(extent.text)"
    case .last(let extent): "last:\(extent.text)"
    }
  }

  /// Layer numbers, ascending, at least one.
  public func resolve(layerCount: Int) throws -> [Int] {
    switch self {
    case .all: return Array(0..<layerCount)
    case .list(let layers):
      for layer in layers where !(0..<layerCount).contains(layer) {
        throw UpcycleError.usage(
          "layer out of range", at: "`layers`", expected: "0...\(layerCount - 1)", found: "\(layer)")
      }
      return Set(layers).sorted()
    case .first(let extent): return Array(0..<(try extent.count(of: layerCount)))
    case .last(let extent): return Array(layerCount - (try extent.count(of: layerCount))..<layerCount)
    case .percent(let share):
      let count = max(1, Int((Double(layerCount) * share / 100).rounded()))
      func fromStart(_ index: Int) -> Int { (index + 1) * layerCount / count - 1 }
      let lower = (count + 1) / 2
      return ((0..<lower).map(fromStart) + (0..<count - lower).map { layerCount - 1 - fromStart($0) }).sorted()
    }
  }
}

/// As text; a list of numbers, or one, is read too.
extension LayerSelection: Codable {
  public init(from decoder: Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let layers = try? container.decode([Int].self) {
      try self.init(layers.map(String.init).joined(separator: ","))
    } else if let layer = try? container.decode(Int.self) {
      try self.init(String(layer))
    } else {
      try self.init(container.decode(String.self))
    }
  }

  public func encode(to encoder: Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(text)
  }
}
