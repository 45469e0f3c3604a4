import Foundation
import Groundwork
import TestKit
import XCTest

/// Every command block of the README and the notebooks runs, in the small sizes that its marker gives, in a copy of the
/// checkout; the blocks of a page follow one another.
final class CommandBlockTests: XCTestCase {
  func testBlocksOfTheReadmeRun() throws { try run("README.md") }
  func testBlocksOfTheExamplesRun() throws { try run("examples/README.md") }
  func testBlocksOfTheExperimentsReadmeRun() throws { try run("experiments/README.md") }

  /// The example's text is what its script writes.
  func testTheExamplesTextIsWhatItsScriptWrites() throws {
    let folder = try checkout()
    defer { try? FileManager.default.removeItem(at: folder) }
    let made = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: made) }
    let result = try launch(folder.appendingPathComponent("examples/make.sh").path, [made.path], in: folder)
    XCTAssertEqual(result.status, 0, result.error)
    for name in ["train.txt", "valid.txt"] {
      XCTAssertEqual(
        try readFile(made.appendingPathComponent(name)),
        try readFile(repositoryRoot().appendingPathComponent("examples/\(name)")), name)
    }
  }
  func testBlocksOfTheNotebooksRun() throws { try run("notebooks-md/") }

  /// What a clone holds besides sources, with the built tools where `swift build -c release` puts them. The teachers
  /// are linked, not copied.
  private func checkout() throws -> URL {
    let (root, copy) = (repositoryRoot(), try temporaryFolder())
    let files = FileManager.default
    for name in ["Makefile", "README.md", "Scripts", "examples", "figures", "notebooks-md"] {
      try files.copyItem(at: root.appendingPathComponent(name), to: copy.appendingPathComponent(name))
    }
    let experiments = copy.appendingPathComponent("experiments")
    try makeDirectory(experiments)
    for name in try files.contentsOfDirectory(atPath: root.appendingPathComponent("experiments").path) {
      let (source, target) = (
        root.appendingPathComponent("experiments/\(name)"), experiments.appendingPathComponent(name)
      )
      if name == "teachers" {
        try files.createSymbolicLink(at: target, withDestinationURL: source)
      } else {
        try files.copyItem(at: source, to: target)
      }
    }
    try makeDirectory(copy.appendingPathComponent(".build"))
    try files.createSymbolicLink(
      at: copy.appendingPathComponent(".build/release"), withDestinationURL: builtProducts())
    return copy
  }

  private func run(_ prefix: String) throws {
    let folder = try checkout()
    defer { try? FileManager.default.removeItem(at: folder) }
    let before = try files(in: folder)
    let pages = try MarkdownPage.all().filter { $0.name.hasPrefix(prefix) }
    XCTAssertFalse(pages.flatMap(\.blocks).isEmpty, "no blocks at \(prefix)")
    for page in pages {
      for block in page.blocks {
        if let excuse = block.excuse {
          print("\(block.place): not run here: \(excuse)")
          continue
        }
        let shared = block.needs.flatMap { try? sharedFolder($0) }
        if let path = block.needs, shared == nil {
          print("\(block.place): skipped: ../shared absent (\(path))")
          continue
        }
        try run(block, in: folder)
      }
    }
    let after = try files(in: folder)
    let changed = Set(before.keys).union(after.keys).filter { before[$0] != after[$0] }.sorted()
    XCTAssertEqual(changed, [], "git would show what the blocks leave")
  }

  /// Path -> hash of every file that git would see; pictures (png) depend on the machine's converter.
  private func files(in folder: URL) throws -> [String: String] {
    let names = FileManager.default.enumerator(atPath: folder.path)?.compactMap { $0 as? String } ?? []
    return try names.reduce(into: [:]) { found, name in
      if ["runs", "shards", ".build"].contains(String(name.prefix { $0 != "/" }))
        || [".lock", ".png"].contains(where: name.hasSuffix)
      {
        return
      }
      let file = folder.appendingPathComponent(name)
      if try file.resourceValues(forKeys: [.isRegularFileKey]).isRegularFile == true {
        found[name] = try sha256(fileAt: file)
      }
    }
  }

  private func run(_ block: CommandBlock, in folder: URL) throws {
    let began = Date()
    var environment = [
      "PATH": builtProducts().path + ":" + (ProcessInfo.processInfo.environment["PATH"] ?? ""),
      // What the README tells root and people with few cores to say to mpirun.
      "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "OMPI_MCA_rmaps_base_oversubscribe": "1",
      "OMPI_MCA_btl_vader_single_copy_mechanism": "none",
    ]
    if block.needs != nil { environment["UPCYCLE_SHARED"] = try sharedFolder("").path }
    let result = try launch(
      "/bin/bash", ["-euo", "pipefail", "-c", block.script], in: folder, environment: environment,
      killWhen: { Date().timeIntervalSince(began) > 600 })
    let seconds = Date().timeIntervalSince(began)
    print("\(block.place): \(String(format: "%.1f", seconds)) s")
    XCTAssertEqual(
      result.status, 0,
      "\(block.place) ends with \(result.status) after \(Int(seconds)) s\n\(block.script)\n\(result.error.suffix(2000))"
    )
  }
}
