import Groundwork

/// How the width of the query latent follows from the key/value latent (X-EcoMLA, section 3.2 and Table 6).
public enum QueryRank: Equatable, Sendable {
  /// min(parameter parity, rank of the query matrix), rounded down to the granule.
  case auto
  /// The rank that the paper or its repository prints for this model and key/value rank.
  case paper
  case fixed(Int)

  /// Reads `auto`, `paper` or a number.
  public init(_ text: String) throws {
    switch text {
    case "auto": self = .auto
    case "paper": self = .paper
    default:
      guard let rank = Int(text), rank > 0 else {
        throw UpcycleError.usage("bad value \"\(text)\"", at: "--q-rank", expected: "auto, paper or a rank above 0")
      }
      self = .fixed(rank)
    }
  }

  /// A resolved rank and, when the rank of the matrix cut it, what parity asked for.
  public struct Resolved: Equatable, Sendable {
    public var rank: Int
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
          "no query rank keeps the base model's parameters", at: "--q-rank auto",
          expected: "a parity rank of at least \(granule)",
          found: "\(whole)", hint: "lower --kv-rank or give --q-rank a number")
      }
      return Resolved(rank: rank, clampedFrom: whole > base.maxQueryRank ? whole : nil)
    }
  }

  /// Ranks as printed: X-EcoMLA's Table 6 and the configurations of its repository.
  private static let table: [(preset: String, nope: Int, ranks: [Int: Int])] = [
    ("llama-3.2-1b", 32, [512: 864, 256: 1184, 128: 1344, 64: 1424, 48: 1440]),
    ("llama-3.2-1b", 64, [512: 480, 256: 736, 128: 864]),
    ("llama-3.2-3b", 64, [96: 2048]),
    ("llama-3.1-8b", 64, [128: 2048]),
    ("smollm-135m", 32, [16: 400]),
    ("smollm-360m", 32, [48: 800]),
    ("smollm-1.7b", 32, [480: 2048]),
  ]

  private static func published(base: ModelConfig, kvRank: Int, nopeHeadDim: Int) throws -> Int {
    for row in table where row.nope == nopeHeadDim {
      guard let rank = row.ranks[kvRank], let preset = try? ModelConfig.preset(row.preset) else { continue }
      if base.hasAttentionShape(of: preset) { return rank }
    }
    let known = table.map { row in
      "\(row.preset) with nope \(row.nope) and kv \(row.ranks.keys.sorted().map(String.init).joined(separator: "/"))"
    }
    throw UpcycleError.usage(
      "the paper prints no query rank for this model and key/value rank", at: "--q-rank paper",
      expected: known.joined(separator: "; "), found: "nope \(nopeHeadDim) and kv \(kvRank)", hint: "use --q-rank auto")
  }
}

extension ModelConfig {
  /// The query rank at which latent attention has as many weights as the base's q, k and v projections,
  /// the shared output projection aside:
  ///
  ///     r_q (d + n_h (d_nope + d_r)) + d (r_kv + d_r) + r_kv n_up (d_nope + d_h) = d n_h d_h + 2 d n_kv d_h
  ///
  /// Exact for Llama-3.2-1B with d_nope = d_r = 32: 880, 1200, 1360, 1440, 1460 at r_kv 512, 256, 128, 64, 48.
  public func parityQueryRank(
    kvRank: Int, nopeHeadDim: Int, ropeHeadDim: Int, upProjectionHeads: Int? = nil
  ) -> Double {
    let up = upProjectionHeads ?? attentionHeads
    let base = hiddenSize * attentionHeads * headDim + 2 * hiddenSize * keyValueHeads * headDim
    let keyValue = hiddenSize * (kvRank + ropeHeadDim) + kvRank * up * (nopeHeadDim + headDim)
    let perRank = hiddenSize + attentionHeads * (nopeHeadDim + ropeHeadDim)
    return Double(base - keyValue) / Double(perRank)
  }
}
