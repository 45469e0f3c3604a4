import ArgumentParser
import Foundation
import ModelCore

/// `--dtype` of commands that train: the type of the numbers that the finished model is stored in.
public struct StoredType: ParsableArguments {
  /// The types, and that of the model that the run began with.
  public enum Name: String, CaseIterable, ExpressibleByArgument {
    case float32, bfloat16, float16, base
  }

  @Option(help: "Type of the stored numbers: base for that of the model it began with, float32, bfloat16, float16.")
  public var dtype = Name.base  // as the flag says

  /// For the argument parser.
  public init() {}

  /// - Parameter folder: of the model that the run began with
  /// - Throws: failures of reading that folder
  public func type(of folder: URL) throws -> ElementType {
    switch dtype {
    case .float32: return .float32
    case .bfloat16: return .bfloat16
    case .float16: return .float16
    case .base: return try CheckpointReader(folder).writableType(of: ModelConfig(contentsOf: folder))
    }
  }
}
