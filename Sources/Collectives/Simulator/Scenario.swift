import Groundwork

/// A model at full scale: what runs, on which accelerators, with which slow-down of hidden computation.
public struct Scenario: Sendable {
  /// The model.
  public var shape: ModelShape
  /// Training, prefill or decoding.
  public var mode: Workload.Mode
  /// Sequences: a rank's micro-batch in training, the whole batch in inference.
  public var batch: Int
  /// Tokens of a sequence: trained on, of the prompt, or in the cache.
  public var sequence: Int
  /// GPUs and links.
  public var accelerator: Accelerator
  /// Of computation that hides communication.
  public var slowdown: Slowdown
  /// Both collectives stretched or shrunk alike until they take this share of the ordinary step; nil: as the links have
  /// it.
  public var share: Double?

  /// - Parameter share: of both collectives in the ordinary step, 0 to 1; nil: as the links have it
  public init(
    _ shape: ModelShape, mode: Workload.Mode, batch: Int, sequence: Int, accelerator: Accelerator, slowdown: Slowdown,
    share: Double? = nil
  ) {
    self.shape = shape
    self.mode = mode
    self.batch = batch
    self.sequence = sequence
    self.accelerator = accelerator
    self.slowdown = slowdown
    self.share = share
  }

  private var isTraining: Bool { mode == .training }

  /// Methods that have a schedule for this mode.
  public var methods: [OverlapMethod] { OverlapMethod.allCases.filter { $0.offers(isTraining ? .forward : .prefill) } }

  /// Its blocks on so many GPUs. Routing is balanced, so one rank stands for all.
  public func model(gpus: Int) -> OverlapModel {
    let tokens = mode == .decode ? batch : batch * sequence
    let workload = Workload(shape, gpus: gpus, tokens: tokens, sequence: sequence, mode: mode)
    var model = workload.model(on: accelerator, slowdown: slowdown)
    model.ranks = 1
    return share.map { model.withCommunicationShare($0, isTraining: isTraining) } ?? model
  }

  /// Of the ordinary step, 0 to 1.
  public func communicationShare(gpus: Int) -> Double { model(gpus: gpus).communicationShare(isTraining: isTraining) }

  /// One step by events.
  public func times(_ method: OverlapMethod, gpus: Int) -> MethodTimes {
    let model = model(gpus: gpus)
    return isTraining ? model.training(method) : model.prefill(method)
  }

  /// Every method on so many GPUs.
  public func point(gpus: Int) -> ScalingPoint {
    ScalingPoint(
      gpus: gpus, communicationShare: communicationShare(gpus: gpus), times: methods.map { times($0, gpus: gpus) })
  }

  /// - Throws: usage errors for GPU counts that do not divide the experts (in inference also the heads), that fill no
  ///   whole nodes, or that leave nothing to communicate
  public func require(gpus: Int) throws {
    if gpus < 2 {
      throw UpcycleError.usage("communicates nothing", field: "gpus", expected: "2 GPUs or more", found: "\(gpus)")
    }
    try shape.requireExpertParallel(gpus)
    if !isTraining { try shape.requireTensorParallel(gpus) }
    if gpus > accelerator.perNode, gpus % accelerator.perNode != 0 {
      throw UpcycleError.usage(
        "is no number of whole nodes", field: "gpus", expected: "a multiple of \(accelerator.perNode), or less",
        found: "\(gpus)")
    }
  }
}

/// What every method takes on so many GPUs.
public struct ScalingPoint: Sendable {
  /// How many.
  public let gpus: Int
  /// Of communication in the ordinary step.
  public let communicationShare: Double
  /// The ordinary block first.
  public let times: [MethodTimes]

  /// Of one of `times` over the ordinary block.
  public func speedup(_ times: MethodTimes) -> Double { self.times[0].milliseconds / times.milliseconds }
}

extension OverlapModel {
  /// The same computation with both collectives multiplied so that they take `share` (below 1) of the ordinary step.
  func withCommunicationShare(_ share: Double, isTraining: Bool) -> OverlapModel {
    let own = communicationShare(isTraining: isTraining)
    let factor = own > 0 ? share / (1 - share) * (1 - own) / own : 1
    var model = self
    model.durations.stretchCommunication(by: factor)
    model.half.stretchCommunication(by: factor)
    return model
  }
}

extension LayerDurations {
  fileprivate mutating func stretchCommunication(by factor: Double) {
    func stretched(_ time: CollectiveTime) -> CollectiveTime {
      CollectiveTime(intra: factor * time.intra, inter: factor * time.inter)
    }
    (dispatch, combine) = (stretched(dispatch), stretched(combine))
  }
}

// MARK: What is assumed where nothing is said

extension Workload.Mode {
  /// The paper's sequences: of a micro-batch, of two requests on each of eight GPUs, of one step of decoding.
  public var batch: Int {
    switch self {
    case .training: 1
    case .prefill: 16
    case .decode: 1024
    }
  }

  /// The paper's: tokens trained on, of a prompt, or in the cache.
  public var sequence: Int { self == .training || self == .decode ? 4096 : 2048 }

  /// Microseconds inside a node and between nodes. Messages of training and prefill take milliseconds; those of
  /// decoding are so small that it counts.
  public var latency: (intra: Double, inter: Double) { self == .decode ? (20, 40) : (0, 0) }
}

extension Scenario {
  /// The paper's setting on its hardware: everything that is not given is `fit`'s or `mode`'s. Inference computes at
  /// the rate of the fit, bfloat16 training's; the paper's FP8 products may be faster.
  public init(
    _ shape: ModelShape, mode: Workload.Mode, batch: Int? = nil, sequence: Int? = nil, fit: Calibration,
    efficiency: Double? = nil, kappa: Double? = nil
  ) {
    var accelerator = Accelerator(efficiency: efficiency ?? fit.efficiency)
    (accelerator.intraLatency, accelerator.interLatency) = (mode.latency.intra / 1000, mode.latency.inter / 1000)
    self.init(
      shape, mode: mode, batch: batch ?? mode.batch, sequence: sequence ?? mode.sequence, accelerator: accelerator,
      slowdown: kappa.map { fit.form.slowdown($0) } ?? fit.slowdown)
  }
}
