import CKernels
import COpenBLAS
import Glibc
import Synchronization

/// Parallelism of this process: our own pool of workers, with OpenBLAS pinned to one thread.
///
/// Every operation splits its rows over the pool into chunks that depend only on shapes and on the
/// thread count, so the same count gives the same bits.
public enum Threads {
  private static let started = Mutex(false)

  /// Number of threads; the first use takes UPCYCLE_THREADS or the number of processors.
  public static var count: Int {
    start()
    return Int(up_threads())
  }

  /// Sets the number of threads, 1...64. Not to be called while chunks run.
  public static func set(_ count: Int) {
    start()
    up_set_threads(Int32(count))
  }

  private static func start() {
    started.withLock { started in
      if started { return }
      started = true
      if let blas = getenv("UPCYCLE_BLAS").map({ String(cString: $0) }), !["", "openblas"].contains(blas) {
        refuseVariable("UPCYCLE_BLAS: is unknown; expected openblas, found \(blas)")
      }
      openblas_set_num_threads(1)
      up_set_threads(Int32(wanted ?? sysconf(Int32(_SC_NPROCESSORS_ONLN))))
    }
  }

  /// UPCYCLE_THREADS, at most 64. What is no number of threads ends the process, as a wrong UPCYCLE_ISA does.
  private static var wanted: Int? {
    guard let text = getenv("UPCYCLE_THREADS").map({ String(cString: $0) }) else { return nil }
    if text.isEmpty { return nil }
    if let number = Int(text), number >= 1 { return min(number, 64) }
    refuseVariable(
      "UPCYCLE_THREADS: is no number of threads; expected 1 or more, found \(text)")
  }

  /// Runs `body(0) ... body(chunks - 1)`, chunks claimed by the workers as they become free. Returns
  /// when all are done. A call from inside a chunk runs serially.
  public static func parallel(_ chunks: Int, _ body: (Int) -> Void) {
    if chunks <= 1 || count == 1 {
      for chunk in 0..<chunks { body(chunk) }
      return
    }
    withoutActuallyEscaping(body) { body in
      var body = body
      withUnsafeMutablePointer(to: &body) { context in
        up_parallel(
          Int32(chunks),
          { context, chunk in
            context!.assumingMemoryBound(to: ((Int) -> Void).self).pointee(Int(chunk))
          }, context)
      }
    }
  }

  /// Splits `0..<rows` into ranges of at least `grain` rows, at most two per thread, and runs them.
  public static func parallelRows(_ rows: Int, grain: Int, _ body: (Range<Int>) -> Void) {
    let pieces = max(1, min(rows / max(grain, 1), 2 * count))
    if count == 1 || pieces == 1 {
      if rows > 0 { body(0..<rows) }
      return
    }
    parallel(pieces) { piece in body(rows * piece / pieces..<rows * (piece + 1) / pieces) }
  }
}

/// Ends the process over a variable of the environment: before anything is computed that it would have changed.
func refuseVariable(_ what: String) -> Never {
  let line = "error: \(what)\n"
  _ = write(STDERR_FILENO, line, line.utf8.count)
  exit(2)
}
