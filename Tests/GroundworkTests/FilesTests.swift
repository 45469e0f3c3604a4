import Foundation
import Groundwork
import TestKit
import XCTest

/// Files appear whole or not at all, and every refusal names the file and the reason.
final class FilesTests: XCTestCase {
  private var folder = URL(fileURLWithPath: "/")

  override func setUpWithError() throws { folder = try temporaryFolder() }
  override func tearDown() { try? FileManager.default.removeItem(at: folder) }

  private var contents: [String] {
    get throws { try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() }
  }

  private func refusal(_ body: () throws -> Void) -> String {
    do {
      try body()
      return "no error"
    } catch { return "\(error)" }
  }

  // MARK: Atomic files

  func testFileAppearsOnCommit() throws {
    let url = folder.appendingPathComponent("deep/er/file.txt")
    let file = try AtomicFile(url)
    try file.write("first ")
    try file.write("second")
    XCTAssertFalse(FileManager.default.fileExists(atPath: url.path))
    try file.commit()
    XCTAssertEqual(try String(contentsOf: url, encoding: .utf8), "first second")
    XCTAssertEqual(
      try FileManager.default.contentsOfDirectory(atPath: url.deletingLastPathComponent().path), ["file.txt"])
  }

  func testDroppedFileLeavesNothing() throws {
    let url = folder.appendingPathComponent("file.txt")
    try writeFile("old", to: url)
    do {
      let file = try AtomicFile(url)
      try file.write("half of the ne")
      XCTAssertEqual(try contents.count, 2, "the temporary file lies beside")
    }
    XCTAssertEqual(try contents, ["file.txt"])
    XCTAssertEqual(try String(contentsOf: url, encoding: .utf8), "old")
  }

  func testOverwriteIsWhole() throws {
    let url = folder.appendingPathComponent("file.bin")
    try writeFile(Data(count: 100_000), to: url)
    try writeFile(Data([1, 2, 3]), to: url)
    XCTAssertEqual(try readFile(url), Data([1, 2, 3]))
    try writeFile(Data(), to: url)
    XCTAssertEqual(try readFile(url), Data())
  }

  func testUnwritablePlaces() throws {
    try writeFile("x", to: folder.appendingPathComponent("file"))
    let below = folder.appendingPathComponent("file/inner.txt")
    XCTAssert(
      refusal { try writeFile("y", to: below) }
        .contains("cannot create this folder: "))
    try makeDirectory(folder.appendingPathComponent("taken/inside"))
    XCTAssert(
      refusal { try writeFile("y", to: self.folder.appendingPathComponent("taken")) }.contains("is a folder"))
    XCTAssertEqual(try contents, ["file", "taken"])
    XCTAssert(
      refusal { try writeFile("y", to: URL(fileURLWithPath: "/proc/nowhere/file")) }.hasPrefix("/proc/nowhere"))
  }

  /// As `mkdir -p` does: what stands before `..` is made too, and the path leads where it says.
  func testFoldersBehindParentsThatAreNotThere() throws {
    try makeDirectory(URL(fileURLWithPath: folder.path + "/missing/.."))
    XCTAssertEqual(try contents, ["missing"])
    try makeDirectory(URL(fileURLWithPath: folder.path + "/other/../made/inside"))
    XCTAssertEqual(try contents, ["made", "missing", "other"])
    try writeFile("x", to: URL(fileURLWithPath: folder.path + "/third/../file.txt"))
    XCTAssertEqual(try readFile(folder.appendingPathComponent("file.txt")), Data("x".utf8))
  }

  // MARK: Reading

  func testUnreadableFilesAreNamed() {
    let missing = folder.appendingPathComponent("missing")
    XCTAssertEqual(refusal { _ = try readFile(missing) }, "\(missing.path): no such file")
    XCTAssertEqual(refusal { _ = try readFile(self.folder) }, "\(folder.path): is a folder, not a file")
    XCTAssertEqual(refusal { _ = try sha256(fileAt: missing) }, "\(missing.path): no such file")
  }

  func testALinkToNothingIsToldFromAFileThatIsNotThere() throws {
    let link = folder.appendingPathComponent("link")
    try FileManager.default.createSymbolicLink(atPath: link.path, withDestinationPath: "nowhere")
    for read in [{ _ = try readFile(link) }, { _ = try openRegularFile(link) }] as [() throws -> Void] {
      XCTAssertEqual(
        refusal(read),
        "\(link.path): no such file; found a link to nowhere, where nothing is (mend the link, or name another file)")
    }
  }

  func testKindsAreThoseBehindLinks() throws {
    func path(_ name: String) -> String { folder.appendingPathComponent(name).path }
    try writeFile("x", to: folder.appendingPathComponent("file"))
    for (link, target) in [("to file", "file"), ("to folder", "."), ("to nothing", "nowhere")] {
      try FileManager.default.createSymbolicLink(atPath: path(link), withDestinationPath: target)
    }
    XCTAssertEqual(mkfifo(path("pipe"), 0o600), 0)
    XCTAssertEqual(["file", "to file"].map { fileKind(path($0)) }, [S_IFREG, S_IFREG])
    XCTAssertEqual(fileKind(path("to folder")), S_IFDIR)
    XCTAssertEqual(fileKind(path("pipe")), S_IFIFO)
    XCTAssertNil(fileKind(path("to nothing")))
  }

  // MARK: Digests

  /// FIPS 180-2's examples, and a file longer than one read.
  func testSHA256GivesTheStandardsExamples() throws {
    XCTAssertEqual(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    XCTAssertEqual(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    let url = folder.appendingPathComponent("a")
    try writeFile(Data(repeating: UInt8(ascii: "a"), count: 1_000_000), to: url)
    XCTAssertEqual(try sha256(fileAt: url), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
    let long = Data((0..<2_500_000).map { UInt8(truncatingIfNeeded: $0) })
    try writeFile(long, to: url)
    XCTAssertEqual(try sha256(fileAt: url), sha256(long))
  }
}
