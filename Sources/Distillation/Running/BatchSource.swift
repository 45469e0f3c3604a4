/// Where training batches come from. A batch depends on the step number only, so that a resumed run sees
/// exactly what an uninterrupted one would.
public protocol BatchSource: AnyObject {
  /// Ids [batch * time] and, shifted by one, targets [batch * time] (negative: ignored) of a step.
  func batch(step: Int) throws -> (ids: [Int32], targets: [Int32])
}
