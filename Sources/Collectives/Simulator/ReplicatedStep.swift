import ModelCore

/// A step of data-parallel training: every host has the whole model and a part of the batch, and the gradients of a
/// layer are summed over hosts behind the backward pass of the layers below it; those outside of layers come last.
public struct ReplicatedStep: Sendable {
  /// Milliseconds of all forward passes of a step.
  public var forward: Double
  /// Milliseconds of the backward pass of one layer, a share of the head's included.
  public var backward: Double
  /// Of the model that trains.
  public var layers: Int
  /// Bytes of a layer's gradients.
  public var layerBytes: Double
  /// Bytes of the other gradients: embedding, head and final norm.
  public var otherBytes: Double
  /// Of every host, in GB/s one way.
  public var bandwidth: Double
  /// Milliseconds before the first byte of a message arrives.
  public var latency: Double

  /// A step of distillation from a model of the same shape: its forward pass, and three of the student (forward, and
  /// twice as much backward).
  /// - Parameters:
  ///   - tokens: of a host
  ///   - accelerator: of every host; its link between nodes is the host's
  public init(
    distilling config: ModelConfig, tokens: Int, sequence: Int, on accelerator: Accelerator, bytesPerNumber: Double = 4
  ) {
    let pass =
      Double(tokens) * config.forwardFLOPsPerToken(context: sequence)
      / (1e9 * accelerator.peak * accelerator.efficiency)
    let inLayers = (0..<config.layerCount).reduce(0) { $0 + config.parameterCount(layer: $1) }
    layers = config.layerCount
    forward = 2 * pass
    backward = 2 * pass / Double(layers)
    layerBytes = bytesPerNumber * Double(inLayers) / Double(layers)
    otherBytes = bytesPerNumber * Double(config.parameterCount - inLayers)
    (bandwidth, latency) = (accelerator.interBandwidth, accelerator.interLatency)
  }

  /// Milliseconds of computation.
  public var computation: Double { forward + backward * Double(layers) }

  /// Milliseconds in which every host sends and receives all but its own share of so many bytes.
  private func exchange(_ bytes: Double, hosts: Int) -> Double {
    hosts > 1 ? latency + bytes * Double(hosts - 1) / Double(hosts) / (1e6 * bandwidth) : 0
  }

  /// Milliseconds that updated weights take from their owners to all hosts, with an optimizer that is shared out; nothing
  /// hides them.
  public func spreading(hosts: Int) -> Double {
    exchange(layerBytes * Double(layers) + otherBytes, hosts: hosts)
  }

  /// The step on so many hosts, which are alike: a sum of gradients is two exchanges, as `AllReducer` does it.
  public func run(hosts: Int) -> SimulatedRun {
    func operation(
      _ kind: SubOperation.Kind, _ layer: Int, _ duration: Double, after dependencies: [Int] = []
    ) -> SubOperation {
      SubOperation(
        kind: kind, layer: layer, batch: 0, duration: duration, links: nil, dependencies: dependencies, urgency: 0)
    }
    func sum(_ bytes: Double) -> Double { 2 * exchange(bytes, hosts: hosts) }
    var operations = [operation(.core, layers, forward)]
    for layer in (0..<layers).reversed() {
      operations.append(operation(.core, layer, backward))
      operations.append(operation(.dispatch, layer, sum(layerBytes), after: [operations.count - 1]))
    }
    operations.append(operation(.dispatch, layers, sum(otherBytes), after: [operations.count - 2]))
    var simulation = Simulation(
      Schedule(method: .standard, pass: .backward, operations: operations), on: SimulatedRanks(count: 1))
    return simulation.run()
  }
}
