/// What a stage costs on paper, whatever it runs on. What cannot be known before is nil.
public struct StageCost: Equatable, Sendable {
  /// Floating-point operations.
  public var operations: Double?
  /// Bytes of the weights that it reads.
  public var read: Int?
  /// Bytes of the weights that it leaves.
  public var written: Int?
  /// Bytes that stand in memory while it works: weights, and gradients and moments of those that train. Activations come on top.
  public var state: Int?

  /// Nothing is known unless it is said.
  public init(operations: Double? = nil, read: Int? = nil, written: Int? = nil, state: Int? = nil) {
    self.operations = operations
    self.read = read
    self.written = written
    self.state = state
  }

  /// Whether what stands in memory finds room on all devices together; what is not known does.
  func fits(_ devices: Devices) -> Bool { state.map(devices.hold) ?? true }
}
