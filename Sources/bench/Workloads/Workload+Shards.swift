import Foundation
import Groundwork
import Recipes
import Synchronization
import TensorCore
import TokenData

extension Workload {
  /// Token shards of generated text, read window by window as training does, every thread its share.
  static var shardDecoding: Workload {
    let tokens = 4 << 20
    let window = 257
    let bytes = Double(2 * (tokens / window) * window)
    return Workload(
      name: "shards_decode", summary: "decompressing token shards in windows of \(window)", unit: "GB/s",
      amount: bytes / 1e9, work: [(2 * bytes, .memcpy)],
      note: "gigabytes of 16-bit tokens; the checksum and vocabulary checks are in the time"
    ) {
      let folder = FileManager.default.temporaryDirectory.appendingPathComponent("upcycle-bench-shards")
      let text = MicroworldText(folder)
      let tokenizer = try text.trainTokenizer(documents: 500)
      let made = try text.shards(.pretraining, tokens: tokens, tokenizer: tokenizer)
      return {
        let shards = try TokenShards(made.folder, cachedFrames: 2 * Threads.count)
        let windows = tokens / window
        let failure = Mutex<(any Error)?>(nil)
        Threads.parallel(Threads.count) { share in
          let buffer = UnsafeMutableBufferPointer<Int32>.allocate(capacity: window)
          defer { buffer.deallocate() }
          do {
            for number in windows * share / Threads.count..<windows * (share + 1) / Threads.count {
              try shards.read(number * window..<(number + 1) * window, into: buffer)
            }
          } catch { failure.withLock { $0 = error } }
        }
        if let failure = failure.withLock({ $0 }) { throw failure }
      }
    }
  }
}
