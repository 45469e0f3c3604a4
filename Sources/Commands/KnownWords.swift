import ArgumentParser
import Groundwork

/// Refuses a subcommand or a long option that there is not, with the one that may have been meant. The argument parser
/// would miss an option of the command that it takes a mistyped word for.
func requireKnownWords(_ words: [String], of command: any ParsableCommand.Type) throws {
  let subcommands = command.configuration.subcommands
  if let first = words.first, !first.hasPrefix("-"), first != "help", !subcommands.isEmpty {
    var named: [String: any ParsableCommand.Type] = [:]
    for subcommand in subcommands { named[name(of: subcommand)] = subcommand }
    guard let subcommand = named[first] else {
      let names = subcommands.map(name)
      throw UpcycleError.usage(
        "there is no command \"\(first)\"", at: name(of: command), expected: names.joined(separator: ", "),
        hint: nearest(to: first, among: names).map { "did you mean \($0)?" })
    }
    return try requireKnownWords(Array(words.dropFirst()), of: subcommand)
  }
  let known = Flags(of: command).names + ["help", "version"]
  let words = Array(words.prefix { $0 != "--" })
  for (word, next) in zip(words, words.dropFirst()) where word.hasPrefix("--") {
    // The parser would take it for an option and miss the value.
    if next.wholeMatch(of: /-[0-9.]+[kKMmBG%]?(,.*)?/) != nil {
      throw UpcycleError.usage(
        "is below zero", at: word, expected: "0 or more", found: next,
        hint: word.contains("=") ? nil : "a text is given as \(word)=\(next)")
    }
  }
  for word in words where word.hasPrefix("--") {
    let option = String(word.dropFirst(2).prefix { $0 != "=" })
    if known.contains(option) { continue }
    let near = nearest(to: option, among: known)
    throw UpcycleError.usage(
      "there is no such option", at: "--\(option)",
      hint: (near.map { "did you mean --\($0)? " } ?? "") + "--help shows the options")
  }
}

private func name(of command: any ParsableCommand.Type) -> String { command._commandName }
