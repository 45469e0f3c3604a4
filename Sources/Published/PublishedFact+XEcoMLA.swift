import ModelCore

extension PublishedFact {
  /// KV percentages, parameter counts and parity ranks that X-EcoMLA prints, or that follow from its shapes.
  public static let xecomla: [PublishedFact] = kvRows + parameterRows + singleRows

  private static let kvRows: [PublishedFact] = PublishedData.kv.rows.map { row in
    let rope = row.int("d_r") ?? 0
    return PublishedFact(
      preset: row.preset, latent: latent(row, qRank: nil, headDim: (rope, rope), isHalf: row["layers"] == "half"),
      quantity: .kvPercent, published: row["kv_percent"], place: row["where"] ?? "", note: row["remark"])
  }

  /// The rank at parity, and the total at the rank that was used.
  private static let parameterRows: [PublishedFact] = PublishedData.parameters.rows.flatMap { row in
    let dim = row.int("d_qk") ?? 0
    let parity = row["r_q_parity"].map { rank in
      PublishedFact(
        preset: row.preset, latent: latent(row, qRank: nil, headDim: (dim, dim)), quantity: .parityQueryRank,
        published: rank, place: "follows from equal parameters",
        note: row["r_q"].map { "the paper uses \($0)" })
    }
    let total = PublishedFact(
      preset: row.preset, latent: latent(row, qRank: row.int("r_q"), headDim: (dim, dim)),
      quantity: .billionParameters, published: row["params_billion"], place: row["where"] ?? "", note: row["remark"])
    return (parity.map { [$0] } ?? []) + [total]
  }

  private static let singleRows: [PublishedFact] = PublishedData.facts.rows.map { row in
    guard let quantity = row["quantity"].flatMap(Quantity.init) else {
      preconditionFailure("a published fact of \(row.preset) has an unknown quantity")
    }
    let dims = row.int("d_qk").flatMap { nope in row.int("d_r").map { (nope, $0) } }
    return PublishedFact(
      preset: row.preset, latent: dims.map { latent(row, qRank: row.int("r_q"), headDim: $0) }, quantity: quantity,
      published: row["value"], place: row["where"] ?? "", note: row["remark"])
  }

  /// - Parameter isHalf: every second layer, symmetric about the middle (Table 10): 1, 3, 5, 7, 8, 10, 12, 14 of 16
  private static func latent(
    _ row: PublishedTable.Row, qRank: Int?, headDim: (nope: Int, rope: Int), isHalf: Bool = false
  ) -> Latent {
    Latent(
      kvRank: row.int("r_kv") ?? 0, qRank: qRank, headDim: headDim,
      layers: isHalf ? Array(stride(from: 1, to: 8, by: 2)) + Array(stride(from: 8, to: 16, by: 2)) : nil)
  }
}

/// The query rank that X-EcoMLA's tables or its released configurations print for a model and a key/value rank.
/// - Parameter nopeHeadDim: d_qk, the position-free width of a head
/// - Returns: the rank, or nil and what is known instead
public func publishedQueryRank(
  base: ModelConfig, kvRank: Int, nopeHeadDim: Int
) -> (rank: Int?, known: [String]) {
  let rows = PublishedData.parameters.rows
  let found = rows.first { row in
    row.int("r_kv") == kvRank && row.int("d_qk") == nopeHeadDim
      && (try? ModelConfig.preset(row.preset))?.hasAttentionShape(of: base) == true
  }
  return (
    found?.int("r_q"), rows.map { "\($0.preset) with nope \($0["d_qk"] ?? "") and kv \($0["r_kv"] ?? "")" }
  )
}
