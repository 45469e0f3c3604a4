import Foundation
import TestKit
import XCTest

@testable import Groundwork

/// Outputs whose name is not a plain file's: devices, pipes, links, folders, other people's files; and locks.
final class OutputTests: XCTestCase {
  private var folder = URL(fileURLWithPath: "/")

  override func setUpWithError() throws { folder = try temporaryFolder() }
  override func tearDown() { try? FileManager.default.removeItem(at: folder) }

  private func url(_ name: String) -> URL { folder.appendingPathComponent(name) }
  private func text(_ name: String) throws -> String { try String(contentsOf: url(name), encoding: .utf8) }
  private var contents: [String] {
    get throws { try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() }
  }

  private func refusal(_ body: () throws -> Void) -> String {
    do {
      try body()
      return "no error"
    } catch { return "\(error)" }
  }

  private func status(_ name: String) -> stat {
    var status = stat()
    lstat(url(name).path, &status)
    return status
  }

  // MARK: Where an output goes

  func testDeviceIsWrittenInPlace() throws {
    XCTAssertEqual(
      refusal { try writeFile("x", to: URL(fileURLWithPath: "/dev/full")) },
      "/dev/full: cannot write: No space left on device")
    try writeFile("x", to: URL(fileURLWithPath: "/dev/null"))
    for device in ["/dev/full", "/dev/null"] {
      var status = stat()
      XCTAssertEqual(stat(device, &status), 0)
      XCTAssertEqual(status.st_mode & S_IFMT, S_IFCHR, device)
    }
    guard geteuid() == 0, mknod(url("null").path, S_IFCHR | 0o666, 1 << 8 | 3) == 0 else {
      throw XCTSkip("skipped from here: devices are made by root")
    }
    try writeFile("x", to: url("null"))
    XCTAssertEqual(status("null").st_mode & S_IFMT, S_IFCHR)
    XCTAssertEqual(try contents, ["null"])
  }

  func testPipeIsWrittenInPlace() throws {
    XCTAssertEqual(mkfifo(url("pipe").path, 0o600), 0)
    let reader = Process()
    reader.executableURL = URL(fileURLWithPath: "/bin/cat")
    reader.arguments = [url("pipe").path]
    let output = Pipe()
    reader.standardOutput = output
    try reader.run()
    try writeFile("through the pipe", to: url("pipe"))
    XCTAssertEqual(try output.fileHandleForReading.readToEnd(), Data("through the pipe".utf8))
    reader.waitUntilExit()
    XCTAssertEqual(status("pipe").st_mode & S_IFMT, S_IFIFO)
    XCTAssertEqual(try contents, ["pipe"])
  }

  func testLinksAreFollowed() throws {
    try makeDirectory(url("far"))
    try writeFile("old", to: url("far/file"))
    try FileManager.default.createSymbolicLink(atPath: url("near").path, withDestinationPath: "far/file")
    try FileManager.default.createSymbolicLink(atPath: url("nearer").path, withDestinationPath: url("near").path)
    try writeFile("new", to: url("nearer"))
    XCTAssertEqual(try text("far/file"), "new")
    for link in ["near", "nearer"] { XCTAssertEqual(status(link).st_mode & S_IFMT, S_IFLNK) }
    XCTAssertEqual(try FileManager.default.contentsOfDirectory(atPath: url("far").path), ["file"])
    // A link to nothing yet, and links in a circle.
    try FileManager.default.createSymbolicLink(atPath: url("future").path, withDestinationPath: "far/later")
    try writeFile("made", to: url("future"))
    XCTAssertEqual(try text("far/later"), "made")
    try FileManager.default.createSymbolicLink(atPath: url("round").path, withDestinationPath: "round")
    XCTAssert(refusal { try writeFile("x", to: url("round")) }.contains("in a circle"))
  }

  func testFoldersAndStrangersAreRefused() throws {
    try makeDirectory(url("folder"))
    XCTAssertEqual(
      refusal { try writeFile("x", to: url("folder")) },
      "\(url("folder").path): is a folder; expected a file to write")
    guard geteuid() == 0 else { throw XCTSkip("skipped from here: files are given away by root") }
    try writeFile("theirs", to: url("theirs"))
    XCTAssertEqual(chown(url("theirs").path, 4321, 4321), 0)
    XCTAssert(refusal { try writeFile("x", to: url("theirs")) }.contains("belongs to another user"))
    XCTAssertEqual(try text("theirs"), "theirs")
    // Root in that user's folder: the file stays the user's.
    XCTAssertEqual(chown(folder.path, 4321, 4321), 0)
    try writeFile("ours", to: url("theirs"))
    XCTAssertEqual(try text("theirs"), "ours")
    XCTAssertEqual(status("theirs").st_uid, 4321)
    XCTAssertEqual(try contents, ["folder", "theirs"])
  }

  func testPermissionsStay() throws {
    try writeFile("old", to: url("private"))
    chmod(url("private").path, 0o600)
    try writeFile("new", to: url("private"))
    XCTAssertEqual(status("private").st_mode & 0o777, 0o600)
  }

  /// What kill -9 left goes with the next file written in the folder; what a living process writes stays.
  func testLeftovers() throws {
    for name in [".a.safetensors.999999.1.tmp", ".state-8.safetensors.999999.12.tmp"] {
      try Data(count: 10).write(to: url(name))
    }
    let others = [".b.\(getppid()).1.tmp", ".c.tmp", "d.999999.1.tmp"]
    for name in others { try Data(count: 10).write(to: url(name)) }
    try writeFile("x", to: url("new"))
    XCTAssertEqual(try contents, (others + ["new"]).sorted())
  }

  /// The limit that a quota or a full disk is: the call fails, and the old file stays.
  func testNoRoom() throws {
    try writeFile("old", to: url("model"))
    var (former, tight) = (rlimit(), rlimit())
    getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &former)
    (tight.rlim_cur, tight.rlim_max) = (1 << 16, former.rlim_max)
    let handler = signal(SIGXFSZ, SIG_IGN)
    setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &tight)
    let said = refusal { try writeFile(Data(count: 1 << 20), to: url("model")) }
    setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &former)
    signal(SIGXFSZ, handler)
    XCTAssertEqual(said, "\(url("model").path): cannot write: File too large")
    XCTAssertEqual(try contents, ["model"])
    XCTAssertEqual(try text("model"), "old")
  }

  // MARK: Whole folders

  func testFolderAppearsWhole() throws {
    let made = try AtomicFolder(url("out"))
    try writeFile("1", to: made.work.appendingPathComponent("one"))
    XCTAssertFalse(FileManager.default.fileExists(atPath: url("out").path))
    try made.commit()
    XCTAssertEqual(try text("out/one"), "1")
    do {
      let next = try AtomicFolder(url("out"))
      try writeFile("2", to: next.work.appendingPathComponent("two"))
      try next.commit()
    }
    XCTAssertEqual(try FileManager.default.contentsOfDirectory(atPath: url("out").path), ["two"])
    do {
      let dropped = try AtomicFolder(url("out"))
      try writeFile("3", to: dropped.work.appendingPathComponent("three"))
    }
    withExtendedLifetime(made) {}
    XCTAssertEqual(try FileManager.default.contentsOfDirectory(atPath: url("out").path), ["two"])
  }

  func testFolderTakesOverFromTheDead() throws {
    try makeDirectory(url(".out.999999.tmp/inside"))
    try makeDirectory(url(".out.999999.tmp.old"))
    try makeDirectory(url(".outer.999999.tmp"))
    do { try AtomicFolder(url("out")).commit() }
    XCTAssertEqual(try contents, [".outer.999999.tmp", "out"])
  }

  /// kill -9 between the rename and the clean-up: nobody writes the finished folder again.
  func testAFinishedFolderIsRidOfWhatTheDeadLeft() throws {
    try makeDirectory(url("out"))
    try makeDirectory(url(".out.999999.tmp/old"))
    do {
      let writer = try FileLock(url(".out.lock"), of: url("out"))
      AtomicFolder.removeLeftovers(of: url("out"))
      XCTAssertEqual(try contents, [".out.999999.tmp", ".out.lock", "out"], "a writer is at work")
      withExtendedLifetime(writer) {}
    }
    try writeFile("999999", to: url(".out.lock"))
    AtomicFolder.removeLeftovers(of: url("out"))
    XCTAssertEqual(try contents, ["out"])
  }

  func testALockOfTheDeadIsCleared() throws {
    try writeFile("999999", to: url("lock"))
    FileLock.clear(url("lock"))
    XCTAssertEqual(try contents, [])
    do {
      let held = try FileLock(url("lock"), of: url("out"))
      FileLock.clear(url("lock"))
      XCTAssertEqual(try contents, ["lock"])
      withExtendedLifetime(held) {}
    }
    FileLock.clear(url("lock"))
    XCTAssertEqual(try contents, [])
  }

  /// kill -9 before the plan was written: the same command begins again. What is not of a training stays in the way.
  func testATrainingThatHadJustBegunIsNoStranger() throws {
    try makeDirectory(url("out/run"))
    for name in ["lock", ".plan.json.999999.1.tmp", "teacher/states.json"] {
      try writeFile("", to: url("out/run/\(name)"))
    }
    XCTAssertEqual(try FolderContents(of: url("out")), .training(isFinished: false))
    try writeFile("", to: url("out/run/notes.txt"))
    XCTAssertEqual(try FolderContents(of: url("out")), .others(["run"]))
    try FileManager.default.removeItem(at: url("out/run/notes.txt"))
    try writeFile("", to: url("out/mine"))
    XCTAssertEqual(try FolderContents(of: url("out")), .others(["mine", "run"]))
  }

  // MARK: Locks

  /// A second sweep waits for the text or the stage that the first one is making.
  func testAWaitingLockComesWhenTheOtherIsReleased() throws {
    let path = url("lock")
    var lock: FileLock? = try FileLock(path, of: folder)
    let (waits, came) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
    Thread.detachNewThread {
      let mine = try? FileLock(waitingFor: path) { waits.signal() }
      if mine != nil { came.signal() }
    }
    XCTAssertEqual(waits.wait(timeout: .now() + 10), .success)
    XCTAssertNotNil(lock)
    lock = nil
    XCTAssertEqual(came.wait(timeout: .now() + 10), .success)
  }

  func testLockNamesTheOther() throws {
    let lock = try FileLock(url("lock"), of: folder)
    XCTAssertEqual(
      refusal { _ = try FileLock(self.url("lock"), of: self.folder) },
      "\(folder.path): is being written by another process (pid \(getpid())) (wait for it, or choose another folder)")
    withExtendedLifetime(lock) {}
  }

  func testLockGoes() throws {
    do { _ = try FileLock(url("lock"), of: folder) }
    XCTAssertEqual(try contents, [])
    // What kill -9 leaves is a file that nobody holds.
    try writeFile("999999", to: url("lock"))
    do { _ = try FileLock(url("lock"), of: folder) }
    XCTAssertEqual(try contents, [])
  }

  // MARK: Reading

  func testPipeIsNoRegularFile() {
    XCTAssertEqual(mkfifo(url("pipe").path, 0o600), 0)
    XCTAssertEqual(
      refusal { _ = try openRegularFile(self.url("pipe")) }, "\(url("pipe").path): is not a regular file")
  }

  // MARK: Numbers

  func testCappedArithmetic() {
    XCTAssertEqual(cappedProduct(3, 4, 5), 60)
    XCTAssertEqual(cappedProduct(.max, 2), .max)
    XCTAssertEqual(cappedSum(1, 2), 3)
    XCTAssertEqual(cappedSum(.max, 1), .max)
    XCTAssert(refusal { try requireMemory(.max, for: "10 caches", at: "--batch") }.hasPrefix("--batch: 10 caches need"))
    XCTAssertEqual(refusal { try requireMemory(1 << 20, for: "10 caches", at: "--batch") }, "no error")
    XCTAssertGreaterThan(availableMemory(), 1 << 20)
  }
}
