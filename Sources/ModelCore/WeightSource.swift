import Autograd
import Groundwork
import TensorCore

/// Where a model's weights come from. Layers ask for each tensor by name and shape while they are built; a
/// missing or misshapen tensor is an error that names it. There is no lenient load.
public protocol WeightSource {
  /// Writes tensor `name` of exactly `shape` to `destination`, converting to float32.
  func read(_ name: String, shape: [Int], into destination: UnsafeMutablePointer<Float>) throws
  /// Every name the source holds, to report tensors that nobody asked for; nil when it makes them up.
  var names: Set<String>? { get }
}

/// Random weights: normal(0, deviation), the projections that write to the residual stream scaled down by
/// sqrt(2 layers), norms 1 (0 where their weights are differences from 1), biases 0. Values depend on seed and name
/// only.
public struct RandomWeights: WeightSource {
  let seed: UInt64
  let deviation: Double
  let layers: Int
  let normOffset: Float

  /// - Parameter normOffset: what norm weights are differences from (`ModelConfig.normOffset`)
  public init(seed: UInt64, deviation: Double = 0.02, layers: Int, normOffset: Float = 0) {
    self.seed = seed
    self.deviation = deviation
    self.layers = layers
    self.normOffset = normOffset
  }

  public var names: Set<String>? { nil }

  public func read(_ name: String, shape: [Int], into destination: UnsafeMutablePointer<Float>) {
    let count = shape.reduce(1, *)
    if DeltaStart(name)?.write(shape, seed: seed, name: name, to: destination) != nil { return }
    if MambaStart(name)?.write(shape, seed: seed, name: name, to: destination) != nil { return }
    if shape.count == 1 {
      let isNorm = name.hasSuffix("norm.weight") || name.hasSuffix("norm_f.weight")
      // Qwen3-Next's output norm of Gated DeltaNet is a plain one.
      let offset = name.contains(".linear_attn.") ? 0 : normOffset
      destination.update(repeating: isNorm ? 1 - offset : 0, count: count)
      return
    }
    let writesResidual = ["o_proj.weight", "out_proj.weight", "down_proj.weight", "experts.down_proj"].contains {
      name.hasSuffix($0)
    }
    let scale = writesResidual ? deviation / Double(2 * layers).squareRoot() : deviation
    let stream = RandomStream(seed: seed, name)
    Threads.parallelRows(count, grain: 1 << 16) { range in
      for i in range { destination[i] = Float(stream.normal(at: UInt64(i)) * scale) }
    }
  }
}

/// Collects a model's parameters while its layers are built, reading each straight into the one buffer that
/// holds them all.
public final class WeightRequests {
  private let source: any WeightSource
  private let buffer: Storage
  private var used = 0
  public private(set) var parameters: [Parameter] = []

  /// - Parameter count: numbers that all tensors together have.
  public init(_ source: any WeightSource, count: Int) {
    self.source = source
    buffer = Storage(count: count)
  }

  /// Asks for one tensor. Matrices decay, vectors (norms, biases) do not.
  public func tensor(_ name: String, _ shape: [Int]) throws -> Parameter {
    let value = Tensor(buffer, offset: used, shape: shape)
    try source.read(name, shape: shape, into: value.pointer)
    if value.hasNonFinite {
      throw UpcycleError("holds NaN or infinity", at: name, hint: "the checkpoint is damaged, or its training failed")
    }
    used += value.count
    let parameter = Parameter(name, value)
    parameters.append(parameter)
    return parameter
  }

  /// Fails when the source holds tensors that no layer asked for, other than `ignored` ones.
  public func finish(file: String, ignoring ignored: (String) -> Bool = { _ in false }) throws -> ParameterSet {
    if let names = source.names {
      let extra = names.subtracting(parameters.map(\.name)).filter { !ignored($0) }.sorted()
      if let first = extra.first {
        throw UpcycleError(
          "holds \(extra.count) tensor(s) that the config does not ask for", at: file, found: first,
          hint: "check layer_types and the architecture in config.json")
      }
    }
    return ParameterSet(parameters)
  }
}
