import Groundwork
import ModelCore
import TensorCore

/// The weights of a converted model, made from a base model's as they are asked for: the new projections of
/// latent layers are factorised layer by layer, everything else is passed through. So a model can be built in
/// memory or streamed to a file, and never exists more than once.
final class ConvertedWeights: WeightSource {
  let base: ModelConfig
  let config: ModelConfig
  let conversion: LatentConversion
  private let source: any WeightSource
  private let covariances: [Int: Matrix]
  private var factors: [Int: LatentFactors] = [:]
  private var ready: [String: Tensor] = [:]
  private var headDims: [Int: [Int]] = [:]
  /// What each converted layer kept, filled as layers are made.
  private(set) var layers: [ConversionReport.Layer] = []
  let queryClampedFrom: Int?

  /// - Parameter covariances: second moments [d, d] of the normed inputs, by layer; empty for a plain SVD.
  init(_ source: any WeightSource, base: ModelConfig, conversion: LatentConversion, covariances: [Int: Matrix] = [:]) throws {
    let selected = try conversion.validate(base: base)
    if conversion.weighting == .covariance, let missing = selected.first(where: { covariances[$0] == nil }) {
      throw UpcycleError.usage("needs calibration text", at: "--svd covariance", found: "no covariance of layer \(missing)", hint: "give --calibration")
    }
    self.source = source
    self.base = base
    self.conversion = conversion
    self.covariances = covariances
    let fixed = try conversion.fixedRanks(base)
    queryClampedFrom = fixed.clampedFrom
    let choosing = conversion.rankRule == .fixed ? [] : selected
    var kept: [Int: LatentFactors] = [:]
    var ranks: [Int: LatentConfig.Ranks] = [:]
    let full = (q: conversion.maxQueryRank(base), kv: conversion.maxKVRank(base))
    try Self.factorise(choosing, source: source, base: base, conversion: conversion, covariances: covariances, ranks: full) {
      layer, made, _ in
      let chosen = conversion.ranks(of: made, layer: layer, base: base, fixed: fixed)
      ranks[layer] = LatentConfig.Ranks(q: chosen.q, kv: chosen.kv)
      kept[layer] = made.truncated(to: chosen)
    }
    factors = kept
    config = try base.withLatentAttention(conversion.latentConfig(base, ranks: ranks, fixed: fixed), layers: selected)
  }

  var names: Set<String>? { nil }

  func read(_ name: String, shape: [Int], into destination: UnsafeMutablePointer<Float>) throws {
    guard let place = LatentTensor(name, config) else { return try source.read(name, shape: shape, into: destination) }
    let count = shape.reduce(1, *)
    switch place.role {
    case .output: try source.read(base.outputProjectionName(place.layer), shape: shape, into: destination)
    case .latentNorm: destination.update(repeating: 1, count: count)
    case .headNorm(let norm):
      let whole = Tensor([base.headDim])
      try source.read(base.mixerPrefix(place.layer) + norm, shape: whole.shape, into: whole.pointer)
      let dims = headDims[place.layer] ?? RopeSlice.paperDims(base, nope: conversion.nopeHeadDim, rope: conversion.ropeHeadDim)
      for (i, dim) in dims.enumerated() { destination[i] = whole.pointer[dim] }
    case .projection where conversion.start == .random:
      let bound = 1 / Double(shape[1]).squareRoot()
      let stream = RandomStream(seed: conversion.seed, name)
      for i in 0..<count { destination[i] = Float((2 * stream.uniform(at: UInt64(i)) - 1) * bound) }
    case .projection:
      if ready[name] == nil { try make(from: place.layer) }
      guard let tensor = ready.removeValue(forKey: name), tensor.shape == shape else {
        preconditionFailure("\(name) was asked for twice, or in another shape than the config's")
      }
      destination.update(from: tensor.pointer, count: count)
    }
  }

  // MARK: Making layers

  /// Makes the projections of `layer`, and of as many latent layers after it as there are threads.
  private func make(from layer: Int) throws {
    let pending = config.layers(of: .latentAttention).filter { $0 >= layer }.prefix(Threads.count)
    func finish(_ layer: Int, _ made: LatentFactors, _ seconds: Double) {
      let ranks = config.latent!.ranks(layer: layer)
      let chosen = (q: ranks.q!, kv: ranks.kv)
      let weights = LatentWeights(made, base, conversion, ranks: chosen)
      let prefix = config.mixerPrefix(layer)
      ready[prefix + "q_a_proj.weight"] = weights.queryDown
      ready[prefix + "q_b_proj.weight"] = weights.queryUp
      ready[prefix + "kv_a_proj_with_mqa.weight"] = weights.keyValueDown
      ready[prefix + "kv_b_proj.weight"] = weights.keyValueUp
      headDims[layer] = made.slice.headDims
      layers.append(
        .init(
          layer: layer, queryRank: chosen.q, kvRank: chosen.kv, queryLoss: made.query.truncated(to: chosen.q).lostShare,
          keyValueLoss: made.keyValue.truncated(to: chosen.kv).lostShare, seconds: seconds))
    }
    for layer in pending { if let made = factors.removeValue(forKey: layer) { finish(layer, made, 0) } }
    let missing = pending.filter { layer in !layers.contains { $0.layer == layer } }
    let widest = missing.reduce((q: 0, kv: 0)) { widest, layer in
      let ranks = config.latent!.ranks(layer: layer)
      return (max(widest.q, ranks.q!), max(widest.kv, ranks.kv))
    }
    try Self.factorise(
      Array(missing), source: source, base: base, conversion: conversion, covariances: covariances, ranks: widest,
      then: finish)
  }

  /// Reads the layers' attention weights one after another and factorises as many layers at a time as there
  /// are threads, each on one thread.
  private static func factorise(
    _ layers: [Int], source: any WeightSource, base: ModelConfig, conversion: LatentConversion, covariances: [Int: Matrix],
    ranks: (q: Int, kv: Int), then: (Int, LatentFactors, Double) throws -> Void
  ) throws {
    for start in stride(from: 0, to: layers.count, by: Threads.count) {
      let batch = Array(layers[start..<min(start + Threads.count, layers.count)])
      let results = FactorisationResults(count: batch.count)
      let inputs = try batch.map { try AttentionWeights(source, base, layer: $0) }
      Threads.parallel(batch.count) { index in
        let began = monotonicSeconds()
        results[index] = Result {
          (
            try LatentFactors(inputs[index], base, conversion, ranks: ranks, covariance: covariances[batch[index]]),
            monotonicSeconds() - began
          )
        }
      }
      for (index, layer) in batch.enumerated() {
        do {
          let (factors, seconds) = try results[index]!.get()
          try then(layer, factors, seconds)
        } catch let error as UpcycleError {
          throw UpcycleError("cannot factorise layer \(layer): \(error)", kind: error.kind)
        }
      }
    }
  }
}

/// Slots that the threads of one batch fill, one each.
private final class FactorisationResults: @unchecked Sendable {
  // @unchecked: every slot is written by one thread and read after all have finished.
  typealias Slot = Result<(LatentFactors, Double), any Error>?
  private let slots: UnsafeMutableBufferPointer<Slot>

  init(count: Int) {
    slots = .allocate(capacity: count)
    slots.initialize(repeating: nil)
  }

  deinit {
    slots.deinitialize()
    slots.deallocate()
  }

  subscript(index: Int) -> Slot {
    get { slots[index] }
    set { slots[index] = newValue }
  }
}

/// A tensor of a converted layer's mixer by its checkpoint name.
private struct LatentTensor {
  enum Role { case projection, latentNorm, headNorm(String), output }
  let layer: Int
  let role: Role

  /// nil for tensors that are the base model's own.
  init?(_ name: String, _ config: ModelConfig) {
    let parts = name.split(separator: ".", maxSplits: 4)
    guard parts.count == 5, parts[0] == "model", parts[1] == "layers", let layer = Int(parts[2]),
      config.mixers.indices.contains(layer), config.mixers[layer] == .latentAttention,
      name.hasPrefix(config.mixerPrefix(layer))
    else { return nil }
    self.layer = layer
    if name == config.outputProjectionName(layer) {
      role = .output
    } else if name.hasSuffix("layernorm.weight") {
      role = .latentNorm
    } else if parts[4] == "q_norm.weight" || parts[4] == "k_norm.weight" {
      role = .headNorm(String(parts[4]))
    } else {
      role = .projection
    }
  }
}

extension AttentionWeights {
  /// Reads one base layer.
  init(_ source: any WeightSource, _ base: ModelConfig, layer: Int) throws {
    let prefix = base.mixerPrefix(layer)
    func matrix(_ name: String, _ rows: Int) throws -> Matrix {
      let tensor = Tensor([rows, base.hiddenSize])
      try source.read(prefix + name, shape: tensor.shape, into: tensor.pointer)
      if tensor.hasNonFinite { throw UpcycleError("holds NaN or infinity", at: prefix + name) }
      return Matrix(tensor)
    }
    query = try matrix("q_proj.weight", base.attentionHeads * base.headDim)
    key = try matrix("k_proj.weight", base.keyValueHeads * base.headDim)
    value = try matrix("v_proj.weight", base.keyValueHeads * base.headDim)
  }
}

extension LatentFactors {
  func truncated(to ranks: (q: Int, kv: Int)) -> LatentFactors {
    LatentFactors(slice: slice, query: query.truncated(to: ranks.q), keyValue: keyValue.truncated(to: ranks.kv))
  }
}
