import Foundation
import Groundwork
import LabKit
import TokenData
import Worlds

/// Where a checkout keeps things: the folder with `experiments/`, found from the working folder upwards
/// (or named by UPCYCLE_ROOT).
public struct Places: Sendable {
  /// The folder that holds `experiments/`.
  public let root: URL

  /// - Throws: where neither UPCYCLE_ROOT nor a folder around the working folder is a checkout
  public init() throws {
    let named = ProcessInfo.processInfo.environment["UPCYCLE_ROOT"].map { URL(fileURLWithPath: $0) }
    root =
      try named ?? Laboratory.containing(URL(fileURLWithPath: FileManager.default.currentDirectoryPath)).root
  }

  /// Committed pretrained models and their tokenizer.
  public var teachers: URL { root.appendingPathComponent("experiments/teachers") }
  /// The tokenizer of every ladder model of the first edition.
  public var tokenizer: URL { tokenizer(.first) }
  /// The tokenizer of every ladder model of an edition of the microworld.
  public func tokenizer(_ edition: Edition) -> URL {
    let folder = edition == .first ? teachers : teachers.appendingPathComponent("world\(edition.rawValue)")
    return folder.appendingPathComponent("tokenizer")
  }
  /// The edition of the microworld whose ladder has this tokenizer; nil: none has.
  public func edition(of vocabulary: Tokenizer) -> Edition? {
    Edition.allCases.first { edition in
      (try? Tokenizer.load(from: tokenizer(edition)))?.fingerprint == vocabulary.fingerprint
    }
  }
  /// Token shards of generated text; rebuilt when absent.
  public var microworld: URL { root.appendingPathComponent("runs/microworld") }

  /// A committed model by its preset and the seed of its pretraining.
  public func teacher(_ preset: String, seed: Int) -> URL { teachers.appendingPathComponent("\(preset)-seed\(seed)") }
}

extension Edition {
  /// The edition whose ladder, in the checkout around the working folder, has this tokenizer; the first, where none has.
  public init(of vocabulary: Tokenizer) { self = (try? Places())?.edition(of: vocabulary) ?? .first }
}

extension FigureScript {
  /// A script of this checkout, `figures/<name>`. Ask for it before long work whose result it is to draw.
  /// - Throws: where there is no checkout, or gnuplot is not installed
  public static func ofCheckout(_ name: String) throws -> FigureScript {
    // Other people's folders hold experiments, too.
    guard let file = (try? Places())?.root.appendingPathComponent("figures/\(name)"),
      FileManager.default.fileExists(atPath: file.path)
    else {
      throw UpcycleError.usage(
        "pictures are drawn by the repository's scripts (figures/\(name))", field: "plot",
        hint: "run inside a checkout, or name one in UPCYCLE_ROOT")
    }
    let script = FigureScript(file: file)
    try script.requireTools()
    return script
  }
}
