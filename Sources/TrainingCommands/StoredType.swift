import ArgumentParser
import Foundation
import ModelCore

/// A type that models are stored in, of commands that make one.
public enum WritableType: String, CaseIterable, ExpressibleByArgument {
  case float32, bfloat16, float16

  /// The same, to the library.
  public var type: ElementType {
    switch self {
    case .float32: .float32
    case .bfloat16: .bfloat16
    case .float16: .float16
    }
  }
}

/// `--dtype` of commands that make a model from another: the type of the numbers that it is stored in.
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
  public func type(of folder: URL) throws -> ElementType { try type(widestOf: [folder]) }

  /// Of a model that is put together from several: where none is asked for, the narrowest type that holds the numbers of
  /// each.
  /// - Throws: failures of reading these folders
  public func type(widestOf folders: [URL]) throws -> ElementType {
    if let type = WritableType(rawValue: dtype.rawValue) { return type.type }
    let types = try folders.map { folder -> ElementType in
      let config = try ModelConfig(contentsOf: folder)
      return try CheckpointReader(folder).writableType(of: config)
    }
    // Of the two short types neither holds the other's.
    guard let first = types.first, types.allSatisfy({ $0 == first }) else { return .float32 }
    return first
  }
}
