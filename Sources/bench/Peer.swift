import Foundation
import Groundwork

/// The Python whose packages are measured beside us, and their versions as far as they have answered.
final class Peers {
  private(set) var versions: [String: String] = [:]
  private let python: String
  private let threads: Int

  /// nil when no Python with torch is there; says so on standard error.
  init?(python: String?, threads: Int) {
    self.python = python ?? ProcessInfo.processInfo.environment["UPCYCLE_PEER_PYTHON"] ?? "python3"
    self.threads = threads
    guard FileManager.default.fileExists(atPath: Peer.script) else {
      printNote("bench: no peer (no \(Peer.script) here; run bench in the repository)")
      return nil
    }
    guard let first = Peer(python: self.python, threads: threads) else {
      printNote("bench: no peer (\(self.python) cannot import torch); see Scripts/bench/README.md")
      return nil
    }
    versions = first.versions
  }

  /// A process for `request` (arguments of peer.py) that has run it once; nil where it cannot, such as without a package,
  /// with a note.
  func start(_ name: String, _ request: String) -> Peer? {
    guard let peer = Peer(python: python, threads: threads) else { return nil }
    guard peer.measure(request) != nil else {
      printNote("bench: \(name) is left out: \(peer.problem ?? "its process ended")")
      return nil
    }
    versions.merge(peer.versions) { $1 }
    return peer
  }
}

/// A peer's side: `Scripts/bench/peer.py serve`, loaded once and asked for one measurement at a time. Each peer of an
/// entry has a process of its own: the threads of PyTorch and of llama.cpp in one process wait for work by spinning in
/// each other's way (llama.cpp decodes a small model at a tenth of its speed behind transformers, and that at a quarter).
final class Peer {
  /// What one request cost.
  struct Answer: Decodable {
    var seconds: [Double]
    /// Units per run (tokens; 1 where the unit is seconds).
    var amount: Double
    var versions: [String: String]
  }

  fileprivate static let script = "Scripts/bench/peer.py"

  /// Versions of the packages that answered.
  private(set) var versions: [String: String] = [:]
  /// Why the last request has no answer, where the script could say so.
  private(set) var problem: String?
  private let process = Process()
  private let requests = Pipe()
  private let answers: LineReader
  private let threads: Int

  fileprivate init?(python: String, threads: Int) {
    self.threads = threads
    let output = Pipe()
    answers = LineReader(output.fileHandleForReading)
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [python, Self.script, "serve"]
    process.standardInput = requests
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    struct Ready: Decodable { var versions: [String: String] }
    guard (try? process.run()) != nil, let line = answers.next(),
      let ready = try? decodeJSON(Ready.self, from: line, file: "peer")
    else { return nil }
    versions = ready.versions
  }

  deinit {
    try? requests.fileHandleForWriting.close()
    if process.isRunning { process.waitUntilExit() }
  }

  /// Runs `request` (arguments of peer.py) once, after `warmup` runs that do not count.
  func measure(_ request: String, warmup: Int = 0) -> Answer? {
    guard process.isRunning else { return nil }
    let line = request + " --threads \(threads) --repeats 1 --warmup \(warmup)\n"
    guard (try? requests.fileHandleForWriting.write(contentsOf: Data(line.utf8))) != nil, let reply = answers.next()
    else { return nil }
    struct Failure: Decodable { var error: String }
    problem = (try? decodeJSON(Failure.self, from: reply, file: "peer"))?.error
    guard let answer = try? decodeJSON(Answer.self, from: reply, file: "peer") else { return nil }
    versions.merge(answer.versions) { $1 }
    return answer
  }
}

/// Lines of a pipe.
private final class LineReader {
  private let handle: FileHandle
  private var buffer = Data()

  init(_ handle: FileHandle) { self.handle = handle }

  /// The next line without its end; nil when the other side has gone.
  func next() -> Data? {
    while true {
      if let end = buffer.firstIndex(of: UInt8(ascii: "\n")) {
        defer { buffer = Data(buffer[(end + 1)...]) }
        return Data(buffer[..<end])
      }
      let more = handle.availableData
      if more.isEmpty { return nil }
      buffer += more
    }
  }
}
