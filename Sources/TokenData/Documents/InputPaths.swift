import Foundation
import Groundwork

/// The files that inputs on a command line stand for: files themselves, "-" for standard input, the readable files of a
/// folder and what is in it (no pipes, devices and links to nothing), and patterns with `*`, `?` or `[…]`; each in order of
/// name.
public func inputPaths(_ inputs: [String]) throws -> [String] {
  try inputs.flatMap { input -> [String] in
    if input == "-" { return [input] }
    var isFolder: ObjCBool = false
    let exists = FileManager.default.fileExists(atPath: input, isDirectory: &isFolder)
    if exists, isFolder.boolValue { return try files(in: input) }
    guard !exists, input.contains(where: { "*?[".contains($0) }) else { return [input] }
    let matches = matching(input)
    if matches.isEmpty { throw UpcycleError.usage("matches no file", at: input) }
    return matches
  }
}

/// How a Parquet file becomes JSON Lines.
public func parquetHint(_ name: String) -> String {
  let lines = name.replacing(/\.parquet$/.ignoresCase(), with: "") + ".jsonl"
  return "convert it: python3 -c \"import pandas; pandas.read_parquet('\(name)')"
    + ".to_json('\(lines)', orient='records', lines=True)\""
}

private let endings = [".txt", ".text", ".md", ".jsonl", ".ndjson"]

private func files(in folder: String) throws -> [String] {
  let all = (FileManager.default.subpaths(atPath: folder) ?? []).sorted()
  func path(_ name: String) -> String { folder + (folder.hasSuffix("/") ? "" : "/") + name }
  func isFile(_ name: String) -> Bool { fileKind(path(name)) == S_IFREG }
  if let parquet = all.first(where: { $0.lowercased().hasSuffix(".parquet") && isFile($0) }) {
    throw UpcycleError(
      "holds Parquet files, which cannot be read", at: folder, expected: "text or JSON Lines", found: parquet,
      hint: "\(parquetHint(parquet)), or name the other files by a pattern")
  }
  let names = all.filter { name in
    var plain = name.lowercased()
    for packed in [".gz", ".zst", ".zstd"] where plain.hasSuffix(packed) { plain.removeLast(packed.count) }
    return endings.contains { plain.hasSuffix($0) } && !name.split(separator: "/").contains { $0.hasPrefix(".") }
      && isFile(name)
  }
  if names.isEmpty {
    throw UpcycleError(
      "holds no documents", at: folder,
      expected: "files named \(endings.map { "*\($0)" }.joined(separator: ", ")), also with .gz or .zst")
  }
  return names.map(path)
}

private func matching(_ pattern: String) -> [String] {
  var result = glob_t()
  defer { globfree(&result) }
  guard glob(pattern, 0, nil, &result) == 0 else { return [] }
  return (0..<Int(result.gl_pathc)).compactMap { result.gl_pathv[$0].map { String(cString: $0) } }
}
