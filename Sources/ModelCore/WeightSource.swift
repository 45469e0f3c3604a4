import Autograd
import Groundwork
import TensorCore

/// Where a model's weights come from. Layers ask for each tensor while they are built; a missing or misshapen tensor
/// is an error that names it. There is no lenient load.
public protocol WeightSource {
  /// Writes a tensor of exactly the spec's shape to `destination`, converting to float32.
  func read(_ tensor: TensorSpec, into destination: UnsafeMutablePointer<Float>) throws
  /// Refuses a tensor that the source does not hold in the spec's shape: asked for every tensor of a model before
  /// memory is taken for any, since a config may ask for anything.
  func check(_ tensor: TensorSpec) throws
  /// The numbers where they lie in memory, if they are a matrix of 16-bit floats that may be read there; nil: `read` them.
  func stored(_ tensor: TensorSpec) throws -> WeightMatrix?
  /// Says that these will be read soon, for a source that a disk is behind.
  func prefetch(_ tensors: [TensorSpec])
  /// Where a tensor lies, for errors: its name, with the file in front where there is one.
  func location(_ tensor: TensorSpec) -> String
  /// Every name the source holds, to report tensors that nobody asked for; nil when it makes them up.
  var names: Set<String>? { get }
}

extension WeightSource {
  /// Sources that make their tensors up have nothing to compare.
  public func check(_ tensor: TensorSpec) throws {}
  /// None: every tensor is `read`.
  public func stored(_ tensor: TensorSpec) throws -> WeightMatrix? { nil }
  /// Nothing: there is no disk to wait for.
  public func prefetch(_ tensors: [TensorSpec]) {}
  /// The name alone.
  public func location(_ tensor: TensorSpec) -> String { tensor.name }

  /// Refuses a tensor of numbers that are none.
  public func requireFinite(_ tensor: TensorSpec, _ hasNonFinite: Bool) throws {
    if hasNonFinite {
      throw UpcycleError(
        "holds NaN or infinity", at: location(tensor), hint: "the checkpoint is damaged, or its training failed")
    }
  }

  /// The tensor's values, [shape].
  public func read(_ tensor: TensorSpec) throws -> Tensor {
    let values = Tensor(tensor.shape)
    try read(tensor, into: values.pointer)
    return values
  }
}

/// Random weights: every tensor as its spec says it starts. Values depend on seed and name only.
public struct RandomWeights: WeightSource {
  let seed: UInt64
  let deviation: Double
  let layers: Int

  /// - Parameters:
  ///   - deviation: standard deviation of matrices
  ///   - layers: of the model; what writes to the residual stream is scaled by 1 / sqrt(2 layers)
  public init(seed: UInt64, deviation: Double = 0.02, layers: Int) {
    self.seed = seed
    self.deviation = deviation
    self.layers = layers
  }

  /// nil: it has a tensor for every name.
  public var names: Set<String>? { nil }

  /// Normal numbers of `deviation` for matrices, else the fixed start; the same from any number of threads.
  public func read(_ tensor: TensorSpec, into destination: UnsafeMutablePointer<Float>) {
    if tensor.writeFixedStart(seed: seed, to: destination) { return }
    let scale = tensor.start == .residual ? deviation / Double(2 * layers).squareRoot() : deviation
    let stream = RandomStream(seed: seed, tensor.name)
    Threads.parallelRows(tensor.count, grain: 1 << 16) { range in
      for i in range { destination[i] = Float(stream.normal(at: UInt64(i)) * scale) }
    }
  }
}

extension TensorSpec {
  /// Writes the start of norms, biases and what a mixer prescribes; false for matrices, whose start is chosen by who
  /// asks.
  public func writeFixedStart(seed: UInt64, to destination: UnsafeMutablePointer<Float>) -> Bool {
    switch start {
    case .normal, .residual: return false
    case .constant(let value): destination.update(repeating: value, count: count)
    case .drawn(let draw):
      let stream = RandomStream(seed: seed, name)
      for i in 0..<count { destination[i] = Float(draw.value(stream.uniform(at: UInt64(i)))) }
    }
    return true
  }
}

/// Collects a model's parameters while its layers are built, reading each straight into the one buffer that
/// holds them all, but for matrices that stay as they are stored.
public final class WeightRequests {
  private let source: any WeightSource
  private let storage: WeightStorage
  private let buffer: Storage
  private var used = 0
  /// In the order of the requests.
  public private(set) var parameters: [Parameter] = []
  /// What was asked for, beside `parameters`.
  public private(set) var tensors: [TensorSpec] = []

  /// - Parameter all: the tensors that will be asked for
  public init(_ source: any WeightSource, all: [TensorSpec], storage: WeightStorage = .float32) {
    self.source = source
    self.storage = storage
    // A tensor that is missing says so when it is asked for.
    let read =
      switch storage {
      case .float32: all
      case .asStored: all.filter { !$0.mayStayStored || (try? source.stored($0)) ?? nil == nil }
      case .int8: all.filter { !$0.mayStayStored }
      }
    buffer = Storage(count: read.reduce(0) { $0 + $1.count })
  }

  /// Asks for one tensor. Matrices decay, vectors (norms, biases) do not.
  public func tensor(_ spec: TensorSpec) throws -> Parameter {
    let parameter = try parameter(spec)
    try source.requireFinite(spec, parameter.stored?.hasNonFinite ?? parameter.value.hasNonFinite)
    parameters.append(parameter)
    tensors.append(spec)
    return parameter
  }

  private func parameter(_ spec: TensorSpec) throws -> Parameter {
    if storage == .asStored, spec.mayStayStored, let matrix = try source.stored(spec) {
      return Parameter(spec.name, stored: matrix, shape: spec.shape)
    }
    if storage == .int8, spec.mayStayStored {
      let matrix = try source.stored(spec) ?? WeightMatrix(floats(spec))
      return Parameter(spec.name, stored: WeightMatrix(quantizing: matrix), shape: spec.shape)
    }
    let value = Tensor(buffer, offset: used, shape: spec.shape)
    try source.read(spec, into: value.pointer)
    used += value.count
    return Parameter(spec.name, value)
  }

  private func floats(_ spec: TensorSpec) throws -> Tensor {
    let values = Tensor(spec.shape)
    try source.read(spec, into: values.pointer)
    return values
  }

  /// Fails when the source holds tensors that no layer asked for, other than `ignored` ones.
  public func finish(file: String, ignoring ignored: (String) -> Bool) throws -> ParameterSet {
    if let names = source.names {
      let extra = names.subtracting(tensors.map(\.storedName)).filter { !ignored($0) }.sorted()
      if let first = extra.first {
        throw UpcycleError(
          "holds \(extra.count) tensor(s) that the config does not ask for", at: file, found: first,
          hint: "check layer_types and the architecture in config.json")
      }
    }
    return ParameterSet(parameters)
  }
}

/// The tensors of one layer, asked for by role in the order in which they shall lie in memory (neighbouring matrices
/// are multiplied as one).
public struct LayerWeights {
  private let requests: WeightRequests
  private let specs: [TensorRole: TensorSpec]

  init(_ config: ModelConfig, layer: Int, _ requests: WeightRequests) {
    self.requests = requests
    specs = Dictionary(uniqueKeysWithValues: config.layerTensors(layer).map { ($0.role, $0) })
  }

  /// A tensor that the layer has.
  public subscript(role: TensorRole) -> Parameter {
    get throws {
      guard let spec = specs[role] else { preconditionFailure("the layer declares no tensor \(role)") }
      return try requests.tensor(spec)
    }
  }

  /// A tensor of the mixer, which it declares in `Mixer.tensors`.
  public subscript(role: MixerRole) -> Parameter { get throws { try self[.mixer(role)] } }

  /// A tensor that some layers have; nil where this one declares none.
  public func ifPresent(_ role: TensorRole) throws -> Parameter? { try specs[role].map(requests.tensor) }

  /// A tensor of the mixer that only some models have.
  public func ifPresent(_ role: MixerRole) throws -> Parameter? { try ifPresent(.mixer(role)) }
}
