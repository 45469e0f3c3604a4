import ModelCore

/// `auto`, `paper` or a number, as on the command line.
extension QueryRank: Codable {
  public init(from decoder: Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let rank = try? container.decode(Int.self) {
      self = .fixed(rank)
    } else {
      try self.init(container.decode(String.self))
    }
  }

  public func encode(to encoder: Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .auto: try container.encode("auto")
    case .paper: try container.encode("paper")
    case .fixed(let rank): try container.encode(rank)
    }
  }
}
