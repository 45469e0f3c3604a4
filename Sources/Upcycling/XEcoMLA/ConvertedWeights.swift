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
  private var ready: [TensorPlace: Tensor] = [:]
  private var headDims: [Int: [Int]] = [:]
  /// What each converted layer kept, filled as layers are made.
  private(set) var layers: [ConversionReport.Layer] = []
  let queryClampedFrom: Int?

  /// - Parameter covariances: second moments [d, d] of the normed inputs, by layer; empty for a plain SVD.
  init(_ source: any WeightSource, base: ModelConfig, conversion: LatentConversion, covariances: [Int: Matrix] = [:])
    throws
  {
    let selected = try conversion.validate(base: base)
    if conversion.weighting == .covariance, let missing = selected.first(where: { covariances[$0] == nil }) {
      throw UpcycleError.usage(
        "needs calibration text", at: "`svd`", found: "no covariance of layer \(missing)",
        hint: "give `calibration`")
    }
    self.source = source
    self.base = base
    self.conversion = conversion
    self.covariances = covariances
    let fixed = try conversion.fixedRanks(base)
    queryClampedFrom = fixed.clampedFrom
    let choosing = conversion.rankRule == .fixed ? [] : selected
    let full = (q: conversion.maxQueryRank(base), kv: conversion.maxKVRank(base))
    let made = try Self.eachLayer(choosing, source: source, base: base) { layer, weights in
      let made = try LatentFactors(weights!, base, conversion, ranks: full, covariance: covariances[layer])
      let chosen = conversion.ranks(of: made, layer: layer, base: base, fixed: fixed)
      return (ranks: LatentConfig.Ranks(q: chosen.q, kv: chosen.kv), factors: made.truncated(to: chosen))
    }
    let kept = Dictionary(uniqueKeysWithValues: zip(choosing, made.map(\.factors)))
    let ranks = Dictionary(uniqueKeysWithValues: zip(choosing, made.map(\.ranks)))
    factors = kept
    config = try base.withLatentAttention(conversion.latentConfig(base, ranks: ranks, fixed: fixed), layers: selected)
  }

  var names: Set<String>? { nil }

  /// Whether a tensor is of a latent layer's mixer; the others are the base's.
  private func isMade(_ tensor: TensorSpec) -> Bool {
    guard let layer = tensor.layer, case .mixer = tensor.role else { return false }
    return config.mixers[layer] == .latentAttention
  }

  func stored(_ tensor: TensorSpec) throws -> WeightMatrix? {
    try isMade(tensor) ? nil : source.stored(base.counterpart(of: tensor))
  }

  func location(_ tensor: TensorSpec) -> String {
    isMade(tensor) ? tensor.name : source.location(base.counterpart(of: tensor))
  }

  func read(_ tensor: TensorSpec, into destination: UnsafeMutablePointer<Float>) throws {
    guard case .mixer(let role) = tensor.role, let layer = tensor.layer, config.mixers[layer] == .latentAttention else {
      return try source.read(base.counterpart(of: tensor), into: destination)
    }
    switch role {
    case .output:
      try source.read(base.counterpart(of: tensor), into: destination)
      if conversion.outputGate == true { for i in 0..<tensor.count { destination[i] *= 2 } }
    case .outputGate: destination.update(repeating: 0, count: tensor.count)
    case .queryLatentNorm, .keyValueLatentNorm: destination.update(repeating: 1, count: tensor.count)
    case .queryNorm, .keyNorm:
      let whole = try source.read(base.counterpart(of: tensor))
      let dims =
        headDims[layer] ?? RopeSlice.paperDims(base, nope: conversion.nopeHeadDim, rope: conversion.ropeHeadDim)
      for (i, dim) in dims.enumerated() { destination[i] = whole.pointer[dim] + base.normOffset }
    default:
      if conversion.start == .random { return tensor.writeUntrained(seed: conversion.seed, to: destination) }
      if ready[tensor.place] == nil { try make(from: layer) }
      guard let made = ready.removeValue(forKey: tensor.place), made.shape == tensor.shape else {
        preconditionFailure("\(tensor.name) was asked for twice, or in another shape than the config's")
      }
      destination.update(from: made.pointer, count: tensor.count)
    }
  }

  // MARK: Making layers

  /// One layer's new projections and what they lost.
  private struct MadeLayer {
    var weights: LatentWeights
    var headDims: [Int]
    var report: ConversionReport.Layer
  }

  /// Makes the projections of `layer`, and of as many latent layers after it as there are threads, each wholly on
  /// one thread.
  private func make(from layer: Int) throws {
    let pending = Array(config.layers(of: .latentAttention).filter { $0 >= layer }.prefix(Threads.count))
    let (base, config, conversion, covariances, factors) = (base, config, conversion, covariances, factors)
    // What will be passed through, and what the next layers are made of, comes from the disk meanwhile.
    source.prefetch(
      (layer..<min(layer + 2 * pending.count, base.layerCount)).flatMap { base.layerTensors($0) })
    let made = try Self.eachLayer(pending, source: source, base: base, except: Set(factors.keys)) { layer, weights in
      let began = monotonicSeconds()
      let ranks = config.latent!.ranks(layer: layer)
      let chosen = (q: ranks.q!, kv: ranks.kv)
      let made =
        try factors[layer]
        ?? LatentFactors(weights!, base, conversion, ranks: chosen, covariance: covariances[layer])
      return MadeLayer(
        weights: LatentWeights(made, base, conversion, ranks: chosen), headDims: made.slice.headDims,
        report: .init(
          layer: layer, queryRank: chosen.q, kvRank: chosen.kv, queryLoss: made.query.truncated(to: chosen.q).lostShare,
          keyValueLoss: made.keyValue.truncated(to: chosen.kv).lostShare, seconds: monotonicSeconds() - began))
    }
    for (layer, made) in zip(pending, made) {
      self.factors[layer] = nil
      let weights = made.weights
      for (role, tensor) in [
        (MixerRole.queryDown, weights.queryDown), (.queryUp, weights.queryUp), (.keyValueDown, weights.keyValueDown),
        (.keyValueUp, weights.keyValueUp),
      ] { ready[TensorPlace(.mixer(role), layer: layer)] = tensor }
      if let biases = weights.biases {
        for (role, tensor) in [
          (MixerRole.queryUpBias, biases.queryUp), (.keyValueDownBias, biases.keyValueDown),
          (.keyValueUpBias, biases.keyValueUp),
        ] { ready[TensorPlace(.mixer(role), layer: layer)] = tensor }
      }
      headDims[layer] = made.headDims
      layers.append(made.report)
    }
  }

  /// Does `body` for every layer, as many at a time as there are threads, each on one. The layers' attention
  /// weights are read one after another; `except` names layers whose are not needed.
  private static func eachLayer<Made>(
    _ layers: [Int], source: any WeightSource, base: ModelConfig, except: Set<Int> = [],
    _ body: @Sendable (Int, AttentionWeights?) throws -> Made
  ) throws -> [Made] {
    var all: [Made] = []
    for start in stride(from: 0, to: layers.count, by: Threads.count) {
      let batch = Array(layers[start..<min(start + Threads.count, layers.count)])
      let inputs = try batch.map { except.contains($0) ? nil : try AttentionWeights(source, base, layer: $0) }
      let results = Slots<Made>(count: batch.count)
      Threads.parallel(batch.count) { index in results[index] = Result { try body(batch[index], inputs[index]) } }
      for (index, layer) in batch.enumerated() {
        do {
          all.append(try results[index]!.get())
        } catch let error as UpcycleError {
          throw UpcycleError("cannot factorise layer \(layer): \(error)", kind: error.kind)
        }
      }
    }
    return all
  }
}

/// Slots that the threads of one batch fill, one each.
private final class Slots<Made>: @unchecked Sendable {
  // @unchecked: every slot is written by one thread and read after all have finished.
  typealias Slot = Result<Made, any Error>?
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

extension Matrix {
  fileprivate func appending(column: Tensor) -> Matrix {
    var wider = Matrix.zeros(rows, columns + 1)
    for row in 0..<rows {
      for column in 0..<columns { wider[row, column] = self[row, column] }
      wider[row, columns] = Double(column.pointer[row])
    }
    return wider
  }
}

extension AttentionWeights {
  /// Reads one base layer.
  init(_ source: any WeightSource, _ base: ModelConfig, layer: Int) throws {
    func tensor(_ role: MixerRole) throws -> Tensor {
      let spec = base.attentionTensor(role, layer: layer)
      let tensor = try source.read(spec)
      try source.requireFinite(spec, tensor.hasNonFinite)
      return tensor
    }
    func matrix(_ weight: MixerRole, _ bias: MixerRole) throws -> Matrix {
      let matrix = Matrix(try tensor(weight))
      return base.attention.qkvBias ? matrix.appending(column: try tensor(bias)) : matrix
    }
    query = try matrix(.query, .queryBias)
    key = try matrix(.key, .keyBias)
    value = try matrix(.value, .valueBias)
  }
}

extension LatentFactors {
  func truncated(to ranks: (q: Int, kv: Int)) -> LatentFactors {
    LatentFactors(slice: slice, query: query.truncated(to: ranks.q), keyValue: keyValue.truncated(to: ranks.kv))
  }
}
