import Groundwork
import ModelCore
import Published

/// How the width of the query latent follows from the key/value latent (X-EcoMLA, section 3.2 and Table 6).
public enum QueryRank: Equatable, Sendable {
  /// min(parameter parity, rank of the query matrix), rounded down to the granule.
  case auto
  /// The rank that the paper or its repository prints for this model and key/value rank.
  case paper
  /// This R_q; a conversion rounds it up to its granule and cuts it to the rank of the query matrix.
  case fixed(Int)

  /// Reads `auto`, `paper` or a number.
  public init(_ text: String) throws {
    switch text {
    case "auto": self = .auto
    case "paper": self = .paper
    default:
      guard let rank = Int(text), rank > 0 else {
        throw UpcycleError.usage("bad value \"\(text)\"", at: "`q_rank`", expected: "auto, paper or a rank above 0")
      }
      self = .fixed(rank)
    }
  }

  /// A resolved rank and, when the rank of the matrix cut it, what parity asked for.
  public struct Resolved: Equatable, Sendable {
    /// R_q
    public var rank: Int
    /// What parity asked for, where the matrix has a smaller rank.
    public var clampedFrom: Int?
  }

  /// - Parameters:
  ///   - base: the attention-only model
  ///   - granule: ranks are multiples of it (1 on the ladder, 8 in the official code)
  public func resolve(
    base: ModelConfig, kvRank: Int, nopeHeadDim: Int, ropeHeadDim: Int, upProjectionHeads: Int? = nil, granule: Int = 1
  ) throws -> Resolved {
    switch self {
    case .fixed(let rank): return Resolved(rank: rank, clampedFrom: nil)
    case .paper:
      return Resolved(
        rank: try Self.published(base: base, kvRank: kvRank, nopeHeadDim: nopeHeadDim), clampedFrom: nil)
    case .auto:
      let parity = base.parityQueryRank(
        kvRank: kvRank, nopeHeadDim: nopeHeadDim, ropeHeadDim: ropeHeadDim, upProjectionHeads: upProjectionHeads)
      let whole = Int(parity.rounded(.down))
      let rank = min(whole, base.maxQueryRank) / granule * granule
      guard rank >= 1 else {
        throw UpcycleError.usage(
          "no query rank keeps the base model's parameters", at: "`q_rank`",
          expected: "a parity rank of at least \(granule)",
          found: "\(whole)",
          hint: "lower `kv_rank`\(granule > 1 ? " or `granule`" : ""), or give `q_rank` a number")
      }
      return Resolved(rank: rank, clampedFrom: whole > base.maxQueryRank ? whole : nil)
    }
  }

  private static func published(base: ModelConfig, kvRank: Int, nopeHeadDim: Int) throws -> Int {
    let (rank, known) = publishedQueryRank(base: base, kvRank: kvRank, nopeHeadDim: nopeHeadDim)
    if let rank { return rank }
    throw UpcycleError.usage(
      "the paper prints no query rank for this model and key/value rank", at: "`q_rank`",
      expected: known.joined(separator: "; "), found: "nope \(nopeHeadDim) and kv \(kvRank)",
      hint: "choose auto, or a number")
  }
}

/// `auto`, `paper` or a number.
extension QueryRank: Codable {
  /// From `auto`, `paper` or a number.
  public init(from decoder: Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let rank = try? container.decode(Int.self) {
      self = .fixed(rank)
    } else {
      try self.init(container.decode(String.self))
    }
  }

  /// As it is read.
  public func encode(to encoder: Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .auto: try container.encode("auto")
    case .paper: try container.encode("paper")
    case .fixed(let rank): try container.encode(rank)
    }
  }
}
