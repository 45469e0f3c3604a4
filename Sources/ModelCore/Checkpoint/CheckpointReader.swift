import Foundation
import Groundwork
import TensorCore

/// The weights of a model folder: one `model.safetensors`, or shards listed by `model.safetensors.index.json`.
///
/// Tensors are asked for by name and shape; whoever builds the model compares `names` with what it asked for. Where a
/// checkpoint spells them in another usual way (`CheckpointNames`), they are found all the same.
public final class CheckpointReader: WeightSource {
  /// The file of weights that are not split.
  public static let singleName = "model.safetensors"
  /// The file that says which shard holds which tensor.
  public static let indexName = "model.safetensors.index.json"

  /// Where it reads.
  public let folder: URL
  private var files: [SafetensorsFile] = []
  private var places: [String: Place] = [:]
  /// Tensors that the index names and the shard does not hold: a tied head, or damage.
  private var unstored: [String: URL] = [:]

  /// Where a tensor lies.
  private struct Place {
    var file: Int
    /// In the file's header.
    var name: String
    /// Of our tensor.
    var shape: [Int]
    /// Where our tensor's numbers begin.
    var offset = 0
  }

  /// Opens the headers of all files; values are mapped, not read. A whole file counts more than an index beside it.
  /// - Throws: failures that name the file and what is wrong with it
  public init(_ folder: URL) throws {
    self.folder = folder
    if let kind = fileKind(folder.path), kind != S_IFDIR {
      throw UpcycleError.usage("is a file", at: folder.path, expected: "the model folder that it is in")
    }
    let single = folder.appendingPathComponent(Self.singleName)
    let index = folder.appendingPathComponent(Self.indexName)
    var stored: [String: Int] = [:]
    if FileManager.default.fileExists(atPath: single.path) {
      files = [try SafetensorsFile(single)]
      for name in files[0].names { stored[name] = 0 }
    } else if FileManager.default.fileExists(atPath: index.path) {
      stored = try open(index: index)
    } else {
      try Self.refuseOtherFormats(folder)
      files = [try SafetensorsFile(single)]
    }
    let names = CheckpointNames(stored.keys)
    for (name, file) in stored {
      guard let own = names.own(name), let shape = files[file].info(name)?.shape else { continue }
      for part in CheckpointNames.parts(own, shape) {
        places[part.name] = Place(file: file, name: name, shape: part.shape, offset: part.offset)
      }
    }
  }

  /// The shard of every stored tensor.
  private func open(index: URL) throws -> [String: Int] {
    guard let weights = try JSONValue(contentsOf: index, dialect: .nonFinite)["weight_map"]?.object else {
      throw UpcycleError("has no \"weight_map\" object", at: index.path)
    }
    var numbers: [String: Int] = [:]
    var stored: [String: Int] = [:]
    for (tensor, value) in weights.sorted(by: { $0.key < $1.key }) {
      guard let name = value.string, !name.isEmpty, !name.contains("/"), !name.hasPrefix(".") else {
        throw UpcycleError(
          "bad shard name in \"weight_map\"", at: "\(index.path): \(shown(tensor))",
          expected: "a file beside the index",
          found: shown(value.text()))
      }
      let number: Int
      if let known = numbers[name] {
        number = known
      } else {
        number = files.count
        files.append(try SafetensorsFile(folder.appendingPathComponent(name)))
        numbers[name] = number
      }
      if files[number].info(tensor) == nil {
        unstored[tensor] = files[number].url
      } else {
        stored[tensor] = number
      }
    }
    return stored
  }

  /// Refuses a file of weights in a configuration's place; a file of either kind says what it is.
  static func refuseWeights(_ file: URL) throws {
    guard fileKind(file.path) == S_IFREG else { return }
    let handle = try openForReading(file)
    defer { try? handle.close() }
    let start = (try? handle.read(upToCount: 4096)) ?? Data()
    func refusal(_ what: String, hint: String) -> UpcycleError {
      UpcycleError(what, at: file.path, expected: "a model folder or its config.json", hint: hint)
    }
    if start.starts(with: Data("GGUF".utf8)) {
      throw refusal("is a GGUF file", hint: "take the safetensors that it was made from")
    }
    if file.pathExtension == "safetensors" {
      throw refusal("is a file of weights", hint: "name the folder that it is in")
    }
    if start.contains(0) {
      throw refusal(
        "is a binary file", hint: "hybrid import --llama2c turns a checkpoint of llama2.c into a model folder")
    }
  }

  /// Whether a folder has safetensors under the names that are read.
  static func holdsWeights(_ folder: URL) -> Bool {
    [singleName, indexName].contains { fileKind(folder.appendingPathComponent($0).path) != nil }
  }

  /// Says what a folder without safetensors holds instead.
  static func refuseOtherFormats(_ folder: URL) throws {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path))?.sorted() ?? []
    if let name = names.first(where: { $0.hasPrefix("pytorch_model") || $0.hasSuffix(".pth") }) {
      throw UpcycleError(
        "holds its weights as PyTorch's pickle alone", at: folder.appendingPathComponent(name).path,
        expected: singleName,
        hint: "convert it once, in Python: transformers.AutoModelForCausalLM.from_pretrained(FOLDER)"
          + ".save_pretrained(OTHER)")
    }
    if let name = names.first(where: { $0.hasSuffix(".gguf") }) {
      throw UpcycleError(
        "holds its weights as GGUF alone", at: folder.appendingPathComponent(name).path, expected: singleName,
        hint: "take the safetensors that it was made from")
    }
  }

  /// The files in the folder that hold the weights, the index among them.
  public var fileNames: [String] {
    let shards = files.map(\.url.lastPathComponent)
    return shards == [Self.singleName] ? shards : [Self.indexName] + shards
  }

  /// Every tensor of every file that belongs to the language model.
  public var names: Set<String>? { Set(places.keys) }

  /// Shape of a tensor; nil for an unknown one.
  public func shape(of name: String) -> [Int]? { places[name]?.shape }

  /// Bytes of everything that the files store, by the numbers' type.
  public var storedBytes: [ElementType: Int] {
    files.flatMap(\.tensors).reduce(into: [:]) { $0[$1.type, default: 0] += $1.range.count }
  }

  /// Type of a tensor's numbers; nil for an unknown one.
  public func type(of tensor: TensorSpec) -> ElementType? {
    places[tensor.storedName].flatMap { files[$0.file].info($0.name)?.type }
  }

  /// The element type that a checkpoint made from this one keeps: its own, or float32 where we do not write that.
  public func writableType(of config: ModelConfig) -> ElementType {
    let type = self.type(of: config.embeddingTensor) ?? .float32
    return [.bfloat16, .float16].contains(type) ? type : .float32
  }

  private func place(_ name: String, shape: [Int]) throws -> Place {
    guard let place = places[name] else {
      throw UpcycleError(
        "tensor is missing", at: "\((unstored[name] ?? folder).path): \(name)", expected: "shape \(shape)",
        hint: unstored[name] == nil
          ? "the checkpoint does not fit its config.json" : "the index names it in this shard, which does not hold it")
    }
    guard place.shape == shape else {
      throw UpcycleError(
        "tensor has another shape than the config asks for", at: "\(files[place.file].url.path): \(name)",
        expected: "\(shape)", found: "\(place.shape)", hint: "the checkpoint does not fit its config.json")
    }
    return place
  }

  /// Throws where the tensor is missing or has another shape.
  public func check(_ tensor: TensorSpec) throws {
    _ = try place(tensor.storedName, shape: tensor.storedShape)
  }

  /// The file and the name that the tensor has there.
  public func location(_ tensor: TensorSpec) -> String {
    guard let place = places[tensor.storedName] else { return tensor.name }
    return "\(files[place.file].url.path): \(place.name)"
  }

  /// Reads the float tensor of this name, of exactly this shape, as float32.
  public func read(_ tensor: TensorSpec, into destination: UnsafeMutablePointer<Float>) throws {
    let place = try place(tensor.storedName, shape: tensor.storedShape)
    let offset = tensor.part?.offset ?? 0
    if tensor.isTransposed { return try readTransposed(tensor, place, firstRow: offset / tensor.shape[1], destination) }
    let start = place.offset + offset
    try files[place.file].readFloats(place.name, part: start..<start + tensor.count, into: destination)
  }

  /// Columns of a matrix that is stored in x out, as rows.
  private func readTransposed(
    _ tensor: TensorSpec, _ place: Place, firstRow: Int, _ destination: UnsafeMutablePointer<Float>
  ) throws {
    let (rows, columns, width) = (tensor.shape[0], tensor.shape[1], tensor.storedShape[1])
    let whole = Tensor([columns, width])
    try files[place.file].readFloats(
      place.name, part: place.offset..<place.offset + whole.count, into: whole.pointer)
    for row in 0..<rows {
      for column in 0..<columns {
        destination[row * columns + column] = whole.pointer[column * width + firstRow + row]
      }
    }
  }

  /// The matrix of this name, of exactly this shape, in the mapped file; nil where it is stored in x out.
  public func stored(_ tensor: TensorSpec) throws -> WeightMatrix? {
    if tensor.isTransposed { return nil }
    let place = try place(tensor.storedName, shape: tensor.storedShape)
    let start = place.offset + (tensor.part?.offset ?? 0)
    guard let width = tensor.shape.last else { return nil }
    return try files[place.file].storedMatrix(place.name, part: start..<start + tensor.count, width: width)
  }

  /// Starts reading what the files hold of these.
  public func prefetch(_ tensors: [TensorSpec]) {
    for tensor in tensors {
      guard let place = places[tensor.storedName] else { continue }
      files[place.file].prefetch(place.name)
    }
  }

  /// Reads a float tensor of exactly this shape as float32.
  public func readFloats(_ name: String, shape: [Int]) throws -> [Float] {
    let place = try place(name, shape: shape)
    let count = shape.reduce(1, *)
    return try [Float](unsafeUninitializedCapacity: count) { buffer, used in
      if let start = buffer.baseAddress {
        try files[place.file].readFloats(place.name, part: place.offset..<place.offset + count, into: start)
      }
      used = count
    }
  }

  // MARK: Heads

  /// Whether a folder whose config.json ties the head to the embedding stores another head than that. Weights that
  /// cannot be read are not judged here.
  static func holdsHeadOfItsOwn(_ folder: URL, of config: ModelConfig) -> Bool {
    var untied = config
    untied.tieWordEmbeddings = false
    guard let reader = try? CheckpointReader(folder), reader.places[untied.headTensor.name] != nil,
      let head = try? reader.read(untied.headTensor), let embedding = try? reader.read(untied.embeddingTensor)
    else { return false }
    return head.toArray() != embedding.toArray()
  }
}
