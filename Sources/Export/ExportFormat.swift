import Foundation
import Groundwork
import ModelCore
import TokenData
import Upcycling

/// What a model is exported for.
public enum ExportFormat: String, CaseIterable, Sendable {
  /// Hugging Face's transformers: a stock class where one computes the same, else a modelling file beside the weights.
  case transformers
  /// The papers' released checkpoints: the base's config.json and a file about the other mixers.
  case official
  /// llama.cpp: one file.
  case gguf
  /// mlx-lm: a folder.
  case mlx
}

/// How the numbers of an export are stored.
public enum ExportedType: String, CaseIterable, Sendable {
  case float32, bfloat16, float16
  /// llama.cpp's eight bits with a factor for every 32 numbers.
  case q8 = "q8_0"

  /// nil for what safetensors do not hold.
  var element: ElementType? {
    switch self {
    case .float32: .float32
    case .bfloat16: .bfloat16
    case .float16: .float16
    case .q8: nil
    }
  }

  /// Of a stored model.
  init(_ type: ElementType) {
    switch type {
    case .bfloat16: self = .bfloat16
    case .float16: self = .float16
    default: self = .float32
    }
  }
}

/// What an export wrote.
public struct ExportReport: Sendable {
  /// How the model is spelled, as a user would say it: "stock deepseek_v3".
  public var layout: String
  /// Numbers in the written tensors.
  public var parameters: Int
  /// How they are stored.
  public var type: ExportedType
  /// What is not quite the same there.
  public var notes: [String] = []
}

/// Writes a model folder as other programs read it: a folder, or one file of GGUF. Weights stream tensor by tensor; what
/// is written appears complete or not at all, with chat template and generation settings as they were, and the tokenizer
/// too unless nobody else reads its format.
/// - Parameter type: of the numbers; nil: as the model's are stored
/// - Throws: usage errors for a model that the format cannot hold: what it has, and what holds it
public func exportModel(from source: URL, to destination: URL, as format: ExportFormat, type: ExportedType? = nil)
  throws -> ExportReport
{
  let config = try ModelConfig(contentsOf: source)
  let reader = try CheckpointReader(source)
  let weights = FiniteWeights(reader: reader)
  for tensor in config.tensors { try reader.check(tensor) }
  let type = type ?? ExportedType(reader.writableType(of: config))
  if format == .gguf {
    let model = try GGUFModel(config, type: type)
    let file = model.file(try GGUFTokenizer.values(folder: source, config, Tokenizer.load(from: source)))
    try file.write(weights, to: destination)
    return ExportReport(
      layout: "GGUF", parameters: file.tensors.reduce(0) { $0 + $1.tensor.count }, type: type, notes: model.notes)
  }
  guard let element = type.element else {
    throw UpcycleError.usage("is a type of GGUF alone", at: "`dtype`", found: type.rawValue)
  }
  let exported =
    switch format {
    case .official: try ExportedModel.official(config)
    case .mlx: try ExportedModel.mlx(config, type: type)
    case .transformers, .gguf: try ExportedModel.transformers(config, type: type, source: source)
    }
  let tokenizer = try TokenizerFile.forOtherPrograms(in: source)
  let output = try outputFolder(destination, keepingApartFrom: source)
  try exported.write(weights, type: element, to: output.work)
  for file in tokenizer.files where exported.files[file.name] == nil {
    try writeFile(file.content, to: output.work.appendingPathComponent(file.name))
  }
  try output.commit()
  return ExportReport(
    layout: exported.layout, parameters: exported.tensors.reduce(0) { $0 + $1.count }, type: type,
    notes: tokenizer.notes)
}
