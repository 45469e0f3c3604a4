import ArgumentParser
import Groundwork

extension ParsableCommand {
  /// Refuses a subcommand or a long option that there is not, with the one that may have been meant. The argument parser
  /// would miss an option of the command that it takes a mistyped word for.
  static func requireKnownWords(_ words: [String]) throws {
    if let first = words.first, !first.hasPrefix("-"), first != "help", !configuration.subcommands.isEmpty {
      let names = configuration.subcommands.map(\._commandName)
      guard let command = configuration.subcommands.first(where: { $0._commandName == first }) else {
        let near = nearest(to: first, among: names)
        throw UpcycleError.usage(
          "there is no command \"\(first)\"", at: _commandName, expected: names.joined(separator: ", "),
          hint: near.map { "did you mean \($0)?" })
      }
      return try command.requireKnownWords(Array(words.dropFirst()))
    }
    let known = Flags(of: Self.self).names + ["help", "version"]
    let words = Array(words.prefix { $0 != "--" })
    for (word, next) in zip(words, words.dropFirst()) where word.hasPrefix("--") {
      // The parser would take it for an option and miss the value.
      if next.wholeMatch(of: /-[0-9.]+[kKMmBG]?/) != nil {
        throw UpcycleError.usage("is below zero", at: word, expected: "0 or more", found: next)
      }
    }
    for word in words where word.hasPrefix("--") {
      let name = String(word.dropFirst(2).prefix { $0 != "=" })
      if known.contains(name) { continue }
      let near = nearest(to: name, among: known)
      throw UpcycleError.usage(
        "there is no such option", at: "--\(name)",
        hint: (near.map { "did you mean --\($0)? " } ?? "") + "--help shows the options")
    }
  }
}
