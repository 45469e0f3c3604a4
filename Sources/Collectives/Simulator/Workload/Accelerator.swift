/// A GPU and its links, as far as durations follow from them. Everything here is an assumption that
/// `farskip simulate` prints.
public struct Accelerator: Equatable, Sendable {
  /// Dense peak in TFLOP/s. MI300X and MI325X: 1307.4 in bfloat16, 2614.9 in FP8.
  public var peak: Double = 1307.4
  /// Share of the peak that products reach.
  public var efficiency: Double
  /// GB/s one way per GPU inside the node. MI300X: 310 realised.
  public var intraBandwidth: Double = 310
  /// GB/s one way per GPU between nodes. 400 Gb/s a GPU: 50.
  public var interBandwidth: Double = 50
  /// Milliseconds before the first byte arrives inside the node.
  public var intraLatency: Double = 0
  /// Milliseconds before the first byte arrives between nodes.
  public var interLatency: Double = 0
  /// GPUs of a node.
  public var perNode: Int = 8
  /// GB/s at which weights and caches are read, where there is more to read than to compute. MI300X: 5,300.
  public var memoryBandwidth: Double = 5300

  /// An MI300X, eight to a node, unless said otherwise.
  /// - Parameter efficiency: share of the peak that products reach, above 0 and at most 1
  public init(efficiency: Double) { self.efficiency = efficiency }

  /// Milliseconds of `work`: of products or of reading their operands, whichever is longer; a collective takes
  /// `alpha + bytes / beta` on each kind of link it uses.
  public func durations(_ work: LayerWork) -> LayerDurations {
    let rate = 1e9 * peak * efficiency
    let collective = CollectiveTime(
      intra: work.intraBytes > 0 ? intraLatency + work.intraBytes / (1e6 * intraBandwidth) : 0,
      inter: work.interBytes > 0 ? interLatency + work.interBytes / (1e6 * interBandwidth) : 0)
    func milliseconds(_ operations: Double, _ bytes: Double) -> Double {
      max(operations / rate, bytes / (1e6 * memoryBandwidth))
    }
    return LayerDurations(
      projections: milliseconds(work.projections, work.read.projections), core: milliseconds(work.core, work.read.core),
      gate: milliseconds(work.gate, work.read.gate), dispatch: collective,
      experts: milliseconds(work.experts, work.read.experts), combine: collective,
      shared: milliseconds(work.shared, work.read.shared))
  }
}
