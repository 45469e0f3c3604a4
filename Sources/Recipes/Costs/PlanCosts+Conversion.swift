import Distillation
import LabKit
import ModelCore
import Upcycling

/// Stages that change a model's layers.
extension PlanCosts {
  /// Factorisations and choices, whose work is not known before.
  func converted(_ node: Plan.Node) throws -> Work? {
    guard let base = parent("model", of: node) else { return nil }
    let parameters = base.scale.scaled(node.config)
    var work = Work(reads: [base.config])
    var model = base
    switch node.stage.name {
    case "convert":
      var conversion = try ConvertParameters(resolved: parameters).conversion(
        LatentShape(resolved: parameters), seed: 0)
      // What a rule would choose from the weights is taken to be the rank that is given.
      if conversion.kvRank == nil { return nil }
      conversion.rankRule = .fixed
      model.config = try conversion.config(base: base.config)
    case "mha2mla":
      let own = try MHA2MLAParameters(resolved: parameters)
      let pairs = Array(repeating: Array(0..<own.ropeHeadDim / 2), count: base.config.keyValueHeads)
      let layers = (0..<base.config.layerCount).map { ($0, pairs) }
      model.config = try base.config.withPartialRopeAttention(
        PartialRopeConfig(kvRank: own.kvRank, pairs: Dictionary(uniqueKeysWithValues: layers)))
    case "prune":
      let own = try PruneParameters(resolved: parameters)
      let pruning = WidthPruning(
        hiddenSize: own.hiddenSize, intermediateSize: own.intermediateSize, keyValueHeads: own.keyValueHeads)
      model.config = pruning.shape(of: base.config)
    default: work.operations = 0  // `rewire` copies weights.
    }
    work.leaves = model
    // Matrices come and go one by one; what is mapped need not be in memory.
    work.frozen = max(base.config.parameterCount, model.config.parameterCount)
    return work
  }

  /// Layers that learn from a base's, each on its own: no head is needed.
  func layerwise(_ node: Plan.Node) throws -> Work? {
    guard let base = parent("base", of: node) else { return nil }
    let parameters = base.scale.scaled(node.config)
    var work = Work(reads: [base.config])
    var student = base
    let training: IntermediateParameters.Training?
    if node.stage.name == "align" {
      guard let own = parent("student", of: node) else { return nil }
      student = own
      work.reads.append(own.config)
      training = try IntermediateParameters.Training(resolved: parameters)
    } else {
      let replacement = try ReplacementParameters(resolved: parameters).replacement(seed: 0)
      student.config = try replacement.config(base: base.config)
      training = try IntermediateParameters(resolved: parameters).training
    }
    let config = student.config
    work.leaves = student
    work.frozen = base.config.parameterCount + config.parameterCount
    // Without a training there is the start alone, by factorisations.
    guard let training else { return work }
    let transforms = config.feedForwardFLOPsPerToken
    let mixers = config.layerFLOPsPerToken(context: training.sequence) - transforms
    let comparesMixers = [IntermediatePlan.Loss.mixers, .matrices].contains(training.loss)
    let own = 3 * mixers + (comparesMixers ? 0 : training.trained == .layers ? 3 : 2) * transforms
    let perToken = base.config.layerFLOPsPerToken(context: training.sequence) + own
    work.operations = Double(wholeSteps(training.tokens, of: training.batch * training.sequence)) * perToken
    work.trained =
      training.trained == .layers
      ? config.parameterCount - config.embeddingParameterCount : config.mixerParameterCount
    work.frozen -= work.trained
    return work
  }

  // MARK: Choosing layers

  /// Of one model on so many windows, each of 256 tokens.
  private func forward(_ config: ModelConfig, windows: Int) -> Double {
    Double(windows * 256) * config.forwardFLOPsPerToken(context: 256)
  }

  /// Jet-Nemotron's and HypeNet's ways to the layers that stay attention. Which they are changes no work.
  func searched(_ node: Plan.Node) throws -> Work? {
    guard let base = parent("base", of: node) else { return nil }
    let parameters = base.scale.scaled(node.config)
    var model = base
    if node.stage.name == "super_network" {
      let own = try SuperNetworkParameters(resolved: parameters)
      model.config = try JetConversion(start: own.start).config(base: base.config)
      let attention = base.config.layerFLOPsPerToken(context: own.sequence)
      // Paths hold half of both.
      let path = (attention + model.config.layerFLOPsPerToken(context: own.sequence)) / 2
      return Work(
        operations: Double(wholeSteps(own.tokens, of: own.batch * own.sequence)) * (attention + 3 * path),
        reads: [base.config], leaves: model, trained: model.config.mixerParameterCount,
        frozen: base.config.parameterCount)
    }
    guard let linear = parent("linear", of: node)?.config else { return nil }
    let layers = base.config.layerCount
    var work = Work(reads: [base.config, linear], frozen: base.config.parameterCount + linear.parameterCount)
    if node.stage.name == "placement_search" {
      let own = try PlacementSearchParameters(resolved: parameters)
      let beam = try PlacementBeam(count: own.count, width: own.beam, layerCount: layers)
      work.operations = Double(1 + beam.mostMeasurements) * forward(linear, windows: own.windows)
      model.config = try Composition(attentionLayers: Array(0..<own.count)).config(
        base: base.config, latent: base.config, linear: linear)
    } else {
      let own = try SwapSearchParameters(resolved: parameters)
      work.operations = Double(1 + layers) * forward(base.config, windows: own.windows)
      model.config = try PositionFreeHybrid(attentionLayers: Array(0..<own.count)).config(
        base: base.config, linear: linear)
    }
    work.leaves = model
    return work
  }

  /// Zebra-Llama's and KL-guided scores, and the hybrid of the layers that are chosen by them, or named.
  func assembled(_ node: Plan.Node) throws -> Work? {
    guard let base = parent("base", of: node), let latent = parent("latent", of: node)?.config,
      let linear = parent("linear", of: node)
    else { return nil }
    let parameters = base.scale.scaled(node.config)
    let layers = base.config.layerCount
    var work = Work(reads: [base.config, latent, linear.config])
    work.frozen = work.reads.reduce(0) { $0 + $1.parameterCount }
    /// The base, the linear model, and one with each of its layers exchanged.
    func scores(_ windows: Int) -> Double {
      forward(base.config, windows: windows) + Double(1 + layers) * forward(linear.config, windows: windows)
    }
    switch node.stage.name {
    case "sensitivity": work.operations = scores(try SensitivityParameters(resolved: parameters).windows)
    case "guided":
      let own = try GuidedParameters(resolved: parameters)
      let one = training(linear, tokens: own.tokens, batch: own.batch, time: own.sequence, teacher: base)
      work.operations = Double(1 + layers) * (one.operations ?? 0) + scores(own.windows)
      work.trained = linear.config.parameterCount
      work.frozen -= work.trained
    default:
      let choice = try ComposeParameters(resolved: parameters)
      let chosen =
        switch choice {
        case .list(let list): list
        case .strategy(_, let count, _): Array(0..<count)
        }
      var model = base
      model.config = try Composition(latentLayers: chosen).config(
        base: base.config, latent: latent, linear: linear.config)
      work.operations = 0
      work.leaves = model
    }
    return work
  }
}
