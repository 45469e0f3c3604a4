import Autograd
import Groundwork
import TensorCore

extension LanguageModel {
  /// An empty cache for one sequence.
  /// - Parameters:
  ///   - capacity: tokens to reserve memory for; more are taken as they come. Under H2O the context that its
  ///     share is of; 0: all positions.
  ///   - positions: the most tokens it may hold; nil for as many as the model has positions. Measurements of speed at
  ///     lengths that the model was not trained for ask for more.
  public func makeCache(capacity: Int = 0, positions: Int? = nil) -> SequenceCache {
    let budget = heavyHitters?.budget(context: capacity > 0 ? capacity : config.maxPosition)
    return SequenceCache(
      layers: layers.indices.map { index in
        let (kind, needs) = (config.mixers[index], layers[index].cacheNeeds)
        let kept = budget.flatMap { budget in
          kind.mixer.evictableHeads(config, layer: index).map {
            KeptTokens(budget, heads: $0, width: needs.perToken)
          }
        }
        return LayerCache(
          kind, width: needs.perToken, stateNumbers: needs.state, mostRows: needs.mostTokens, capacity: capacity,
          kept: kept)
      }, positions: positions.map { min($0, config.ropeLimit ?? .max) } ?? config.positionLimit)
  }

  /// Feeds new tokens to each sequence (prefill of any length, or one token each) and returns their final
  /// hidden states [sum of tokens, D], sequence after sequence.
  /// - Parameter rowwise: matrix products whose rows do not depend on each other (`rowwiseGemm`)
  /// - Throws: a failure for a cache that another model made; usage errors for ids outside the vocabulary and for more
  ///   tokens than the cache's `positions`. No cache has changed then.
  public func extend(_ sequences: [(cache: SequenceCache, tokens: [Int32])], rowwise: Bool = false) throws -> Tensor {
    for (cache, tokens) in sequences { try check(cache, tokens) }
    let tape = Tape(recording: false)
    tape.isRowwise = rowwise
    var ids: [Int32] = []
    var positionIds: [Int32] = []
    var ranges: [Range<Int>] = []
    for (cache, tokens) in sequences {
      ranges.append(ids.count..<ids.count + tokens.count)
      ids += tokens
      positionIds += (0..<tokens.count).map { Int32(cache.length + $0) }
    }
    var streams = ResidualStreams(embedded(tape, ids, positionIds: positionIds, leading: [ids.count]))
    for (index, layer) in layers.enumerated() {
      let segments = zip(sequences, ranges).map { CacheSegment(rows: $1, cache: $0.cache.layers[index]) }
      streams = layer.extend(tape, streams, segments, positionIds: positionIds)
    }
    return normed(tape, streams.full).value
  }

  /// One sequence.
  public func extend(_ cache: SequenceCache, _ tokens: [Int32]) throws -> Tensor { try extend([(cache, tokens)]) }

  private func check(_ cache: SequenceCache, _ tokens: [Int32]) throws {
    if cache.layers.count != layers.count {
      throw UpcycleError(
        "the cache was made by another model", expected: "\(layers.count) layers", found: "\(cache.layers.count)",
        hint: "caches come from this model's makeCache")
    }
    for (index, kept) in cache.layers.enumerated() {
      let (kind, needs) = (config.mixers[index], layers[index].cacheNeeds)
      if kept.kind == kind && kept.width == needs.perToken && kept.stateNumbers == needs.state { continue }
      throw UpcycleError(
        "the cache was made by another model", at: "layer \(index)",
        expected: "\(kind.rawValue) with \(needs.perToken) numbers per token and a state of \(needs.state)",
        found: "\(kept.kind.rawValue) with \(kept.width) and \(kept.stateNumbers)",
        hint: "caches come from this model's makeCache")
    }
    try requireRoom(in: cache, for: tokens)
  }

  /// Refuses ids outside the vocabulary, and more tokens than the cache or the model's positions hold.
  public func requireRoom(in cache: SequenceCache, for tokens: [Int32]) throws {
    if let limit = cache.positions, cache.length + tokens.count > limit {
      throw UpcycleError.usage(
        "the context is longer than the model's positions", expected: "at most \(limit) tokens",
        found: "\(cache.length) cached and \(tokens.count) new", hint: "max_position_embeddings in config.json")
    }
    if let table = positions, cache.length + tokens.count > table.shape[0] {
      throw UpcycleError.usage(
        "the context is longer than the positions that were learned", expected: "at most \(table.shape[0]) tokens",
        found: "\(cache.length) cached and \(tokens.count) new")
    }
    if cache.length + tokens.count > cache.capacity {
      throw UpcycleError(
        "the sequence's pages are full", expected: "at most \(cache.capacity) tokens",
        found: "\(cache.length) cached and \(tokens.count) new", hint: "ask the pool for a longer cache")
    }
    if let bad = tokens.first(where: { $0 < 0 || Int($0) >= config.vocabularySize }) {
      throw UpcycleError.usage(
        "a token outside the vocabulary", expected: "0..<\(config.vocabularySize)", found: "\(bad)")
    }
  }
}
