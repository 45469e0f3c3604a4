import ArgumentParser
import Foundation
import Groundwork

/// How a command spells the fields that errors of libraries name in backquotes: `kv_rank` is its `--kv-rank`.
public struct Flags: Sendable {
  private let spellings: [String: String]

  /// - Parameter renamed: fields whose flags have other names in this command, such as `["layers": "mla-layers"]`
  public init(of command: any ParsableCommand.Type, renamed: [String: String] = [:]) {
    var names = Self.names(in: command.helpMessage(columns: 1 << 16))
    // The model that a method begins with is one or the other.
    for (field, flag) in [("model", "base"), ("base", "model")] where names[field] == nil {
      names[field] = names[flag] == flag ? flag : nil
    }
    spellings = renamed.merging(names) { renamed, _ in renamed }
  }

  /// The command's long options, without dashes.
  var names: [String] { Set(spellings.values).sorted() }

  /// Long options of a help page by their fields: they stand at the left, before a value in angle brackets or two spaces.
  private static func names(in help: String) -> [String: String] {
    var names: [String: String] = [:]
    for line in help.split(separator: "\n") where line.hasPrefix("  -") {
      let left = line.dropFirst(2).prefix { $0 != "<" }.components(separatedBy: "  ")[0]
      for match in left.matches(of: /--([a-z0-9-]+)/) {
        let name = String(match.output.1)
        names[name.replacingOccurrences(of: "-", with: "_")] = name
      }
    }
    return names
  }

  /// The text with every field that has a flag here spelt as that flag; other fields stay as they are.
  public func spelling(_ text: String) -> String {
    text.replacing(/`([a-z0-9_]+)`/) { match in
      spellings[String(match.output.1)].map { "--\($0)" } ?? String(match.output.0)
    }
  }
}
