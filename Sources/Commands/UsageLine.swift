/// A help page whose USAGE line ends at 80 columns, as its prose does; the argument parser lets it run on.
func wrappingUsage(_ page: String) -> String {
  page.split(separator: "\n", omittingEmptySubsequences: false).map { line in
    line.hasPrefix("USAGE: ") ? wrapped(String(line)) : String(line)
  }.joined(separator: "\n")
}

/// Options stay on a line with their values; further lines stand below the command's name.
private func wrapped(_ usage: String) -> String {
  var lines = [""]
  for part in usage.matches(of: /[^ ]+(?: (?:<[^ ]*|\.\.\.\]?))*/).map({ String($0.output) }) {
    let last = lines.count - 1
    if lines[last].isEmpty {
      lines[last] = part
    } else if lines[last].count + 1 + part.count <= 80 {
      lines[last] += " " + part
    } else {
      lines.append("       " + part)
    }
  }
  return lines.joined(separator: "\n")
}
