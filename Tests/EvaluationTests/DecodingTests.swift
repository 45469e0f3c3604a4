import Groundwork
import ModelCore
import TensorCore
import TestKit
import XCTest

/// forward == prefill + decode == chunked prefill, for every mixer, at odd lengths and ragged batches.
final class DecodingTests: XCTestCase {
  /// A window holds beyond the positions too, where it is as long as they are: in a forward pass, and in decoding, one
  /// token or several at a time.
  func testAWindowAsLongAsThePositionsHoldsBeyondThem() throws {
    func model(_ positions: Int) throws -> LanguageModel {
      try TinyModels.model(
        TinyModels.config {
          $0.attention.windows = .init(layers: Array(0..<$0.layerCount), size: 16)
          $0.maxPosition = positions
        })
    }
    let (short, long) = (try model(16), try model(64))
    let ids = TinyModels.ids(40)
    let expected = long.logits(ids: ids, batch: 1, time: ids.count).toArray()
    assertClose(short.logits(ids: ids, batch: 1, time: ids.count).toArray(), expected, "at once", tolerance: 1e-5)
    for piece in [1, 7, 30] {
      let cache = short.makeCache(positions: .max)
      var states: [Float] = []
      for start in stride(from: 0, to: ids.count, by: piece) {
        states += try short.extend(cache, Array(ids[start..<min(start + piece, ids.count)])).toArray()
      }
      let logits = short.logits(Tensor([ids.count, short.config.hiddenSize], values: states)).toArray()
      assertClose(logits, expected, "\(piece) at a time", tolerance: 1e-4)
    }
    // H2O forgets by itself.
    try short.evict(by: HeavyHitters(share: 0.5))
    let cache = short.makeCache(capacity: 40, positions: .max)
    for id in ids { _ = try short.extend(cache, [id]) }
    XCTAssertEqual(cache.length, 40)
  }

  /// max |a - b| / max |b|.
  private func difference(_ a: Tensor, _ b: Tensor) -> Double { relativeError(a.toArray(), b.toArray()) }

  private func extendInPieces(_ model: LanguageModel, _ ids: [Int32], _ pieces: [Int]) throws -> Tensor {
    let cache = model.makeCache()
    var rows: [Float] = []
    var start = 0
    for piece in pieces {
      rows += try model.extend(cache, Array(ids[start..<start + piece])).toArray()
      start += piece
    }
    XCTAssertEqual(start, ids.count)
    return model.logits(Tensor([ids.count, model.config.hiddenSize], values: rows))
  }

  func testEverySplitGivesTheForwardPass() throws {
    let time = 75
    let splits = [
      [75], [1, 74], [74, 1], [37, 38], [32, 31, 12], [33, 1, 1, 40], [5, 60, 10], [Int](repeating: 1, count: 75),
      [3] + [Int](repeating: 1, count: 72),
    ]
    for (name, config) in try TinyModels.all() {
      let model = try TinyModels.model(config)
      let ids = TinyModels.ids(time)
      let whole = model.logits(ids: ids, batch: 1, time: time)
      for split in splits {
        XCTAssertLessThan(
          difference(try extendInPieces(model, ids, split), whole), 1e-4, "\(name), split \(split.prefix(5))")
      }
    }
  }

  func testAbsorbedDecodingIsExpandedDecoding() throws {
    // 31 new tokens are absorbed, 32 are expanded; every prefix length is seen by both.
    for (name, config) in try TinyModels.all() where config.mixers.contains(.latentAttention) {
      let model = try TinyModels.model(config)
      let ids = TinyModels.ids(96)
      let absorbed = try extendInPieces(model, ids, [31, 31, 31, 3])
      let expanded = try extendInPieces(model, ids, [32, 64])
      XCTAssertLessThan(difference(absorbed, expanded), 1e-4, name)
    }
  }

  /// A long cache of one sequence is split over threads; the parts' softmaxes join to the whole one.
  func testALongCacheSplitOverThreadsGivesTheSame() throws {
    let threads = Threads.count
    defer { Threads.set(threads) }
    for (name, config) in try TinyModels.all() {
      let model = try TinyModels.model(config)
      let outputs = try [1, 3].map { count in
        Threads.set(count)
        let cache = model.makeCache(capacity: 3601, positions: 3601)
        for layer in cache.layers { layer.fillAtRandom(3600, seed: 4) }
        return try model.extend(cache, [7])
      }
      XCTAssertLessThan(difference(outputs[1], outputs[0]), 1e-5, name)
    }
  }

  func testARaggedBatchIsItsSequencesOneByOne() throws {
    let lengths = [1, 40, 7, 33]
    let steps = [1, 3, 35, 1]
    for (name, config) in try TinyModels.all() {
      let model = try TinyModels.model(config)
      let texts = lengths.indices.map { TinyModels.ids(lengths[$0] + steps[$0], seed: UInt64($0)) }
      let caches = texts.map { _ in model.makeCache() }
      _ = try model.extend(zip(caches, texts).enumerated().map { ($1.0, Array($1.1.prefix(lengths[$0]))) })
      let batch = try model.extend(zip(caches, texts).enumerated().map { ($1.0, Array($1.1.suffix(steps[$0]))) })
      var row = 0
      for (index, text) in texts.enumerated() {
        let alone = model.logits(ids: text, batch: 1, time: text.count)
          .reshaped([text.count, TinyModels.vocabulary]).rows(lengths[index]..<text.count)
        let together = model.logits(batch.rows(row..<row + steps[index]))
        XCTAssertLessThan(difference(together, alone), 1e-4, "\(name), sequence \(index)")
        row += steps[index]
      }
    }
  }

  func testSnapshotsAreIndependentAndTruncationForgets() throws {
    for (name, config) in try TinyModels.all() {
      let model = try TinyModels.model(config)
      let ids = TinyModels.ids(50)
      let cache = model.makeCache()
      _ = try model.extend(cache, Array(ids[..<40]))
      let copy = cache.snapshot()
      XCTAssertEqual(copy.length, 40)
      let first = try model.extend(cache, Array(ids[40...]))
      _ = try model.extend(copy, [5, 6, 7])
      if config.stateNumbers > 0 {
        // A state goes back to nothing only.
        copy.truncate(0)
        XCTAssertLessThan(
          difference(try model.extend(copy, ids).rows(40..<50), try model.extend(model.makeCache(), ids).rows(40..<50)),
          1e-5, name)
        continue
      }
      copy.truncate(40)
      XCTAssertEqual(copy.length, 40)
      XCTAssertEqual(try model.extend(copy, Array(ids[40...])).toArray(), first.toArray(), name)
      cache.truncate(10)
      let again = try model.extend(cache, Array(ids[10...]))
      XCTAssertLessThan(difference(again.rows(30..<40), first), 1e-4, name)
    }
  }

  func testACacheHoldsWhatTheConfigurationSays() throws {
    for (name, config) in try TinyModels.all() {
      let model = try TinyModels.model(config)
      let cache = model.makeCache(capacity: 20)
      _ = try model.extend(cache, TinyModels.ids(11))
      let expected = config.mixers.indices.reduce(0) { sum, layer in
        switch config.mixers[layer] {
        case .attention: return sum + 11 * 2 * config.keyValueHeads * config.headDim
        case .latentAttention: return sum + 11 * (config.latent!.ranks(layer: layer).kv + config.latent!.ropeHeadDim)
        case .lowRankAttention:
          let ranks = config.lowRank!.layerRanks[layer]!
          return sum + 11 * (ranks.key + ranks.value).reduce(0, +)
        case .partialRopeAttention:
          return sum + 11 * (config.partialRope!.kvRank + config.keyValueHeads * config.partialRope!.ropeHeadDim)
        case .mamba2:
          let mamba = config.mamba!
          let conv =
            mamba.groupedWidth.map { 2 * $0 + mamba.innerWidth } ?? mamba.innerWidth + 2 * mamba.groups
            * mamba.stateSize
          return sum + mamba.heads * mamba.headDim * mamba.stateSize + 3 * conv
        case .gatedDeltaNet:
          let delta = config.delta!
          let conv = 2 * delta.keyHeads * delta.keyDim + delta.heads * delta.valueDim
          return sum + delta.heads * delta.keyDim * delta.valueDim + (delta.convTaps - 1) * conv
        default:
          XCTFail("\(name): a mixer without an expectation")
          return sum
        }
      }
      XCTAssertEqual(cache.bytes, 4 * expected, name)
      XCTAssertEqual(cache.bytes, 4 * (11 * config.kvNumbersPerToken + config.stateNumbers), name)
      XCTAssertEqual(cache.bytes, config.cacheBytes(context: 11, .float32), name)
    }
  }

  /// Growing moves nothing, and what is reserved is what the accounting says.
  func testACacheGrowsWithoutMoving() throws {
    let kept = LayerCache(.latentAttention, width: 3, capacity: 5)
    let first = kept.append(5)[0].rows
    first.update(repeating: 7, count: 15)
    for count in [1, 30, 200, 2 * LayerCache.runRows] { kept.append(count) }
    XCTAssertEqual(kept.runs[0].rows, first)
    XCTAssertEqual(kept.length, 236 + 2 * LayerCache.runRows)
    XCTAssertEqual(kept.runs.map(\.tokens.count).reduce(0, +), kept.length)
    for (a, b) in zip(kept.runs, kept.runs.dropFirst()) { XCTAssertEqual(a.tokens.upperBound, b.tokens.lowerBound) }
    XCTAssertEqual(kept.snapshot().runs[0].rows[14], 7)
    for (name, config) in try TinyModels.all() {
      let model = try TinyModels.model(config)
      for tokens in [0, 1, 100, LayerCache.runRows + 3] {
        let before = StoragePool.liveBytes
        let cache = model.makeCache(capacity: tokens)
        XCTAssertEqual(StoragePool.liveBytes - before, config.reservedBytes(tokens: tokens), "\(name), \(tokens)")
        XCTAssertEqual(cache.length, 0)
      }
    }
  }

  /// A cache of another model, too many tokens and unknown ids are errors, and leave the cache as it was.
  func testWhatDoesNotFitIsRefused() throws {
    let model = try TinyModels.model(TinyModels.latent(layers: [0, 2]))
    let strangers: [(ModelConfig, words: [String])] = [
      (try TinyModels.latent({ _ in }, layers: [0, 1]), ["layer 1", "full_attention", "latent_attention"]),
      (try TinyModels.latent({ $0.kvRank = 8 }, layers: [0, 2]), ["layer 0", "11 numbers per token", "10"]),
      (
        try TinyModels.config {
          $0.layerCount = 2; $0.mixers = [.attention, .attention]
        }, ["3 layers", "found 2"]
      ),
      (try TinyModels.delta(layers: [1]), ["layer 0", "latent_attention", "full_attention"]),
    ]
    for (config, words) in strangers {
      let cache = try TinyModels.model(config).makeCache()
      XCTAssertThrowsError(try model.extend(cache, [1, 2])) { error in
        for word in words { XCTAssertTrue("\(error)".contains(word), "\(error) should say \(word)") }
      }
      XCTAssertEqual(cache.length, 0)
    }
    let limit = model.config.maxPosition
    let cache = model.makeCache()
    _ = try model.extend(cache, TinyModels.ids(limit - 3))
    for (tokens, words) in [
      (TinyModels.ids(4), ["positions", "\(limit)", "\(limit - 3) cached and 4 new"]),
      ([Int32(TinyModels.vocabulary)], ["0..<41"]),
      ([-1], ["found -1"]),
    ] {
      XCTAssertThrowsError(try model.extend([(cache, tokens)])) { error in
        XCTAssertEqual((error as? UpcycleError)?.kind, .usage)
        for word in words { XCTAssertTrue("\(error)".contains(word), "\(error) should say \(word)") }
      }
      XCTAssertEqual(cache.length, limit - 3)
    }
    _ = try model.extend(cache, TinyModels.ids(3))
    // Who has no positions has no limit.
    let recurrent = try TinyModels.model(TinyModels.delta())
    XCTAssertNil(recurrent.config.positionLimit)
    let long = recurrent.makeCache()
    _ = try recurrent.extend(long, TinyModels.ids(limit + 1))
    XCTAssertEqual(long.length, limit + 1)
  }
}
