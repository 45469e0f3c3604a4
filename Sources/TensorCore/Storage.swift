import CSystem
import Glibc
import Groundwork
import Synchronization

/// A float32 buffer, 64-byte aligned, drawn from and returned to a process-wide pool.
///
/// A training step of fixed shapes allocates nothing new after the first: every buffer it frees waits
/// in the pool under its size class. Contents are undefined on creation.
public final class Storage: @unchecked Sendable {
  // @unchecked: the bytes are shared like any buffer; operations on one thread at a time write them.
  /// The first of `count` floats.
  public let base: UnsafeMutablePointer<Float>
  /// Floats that may be used.
  public let count: Int
  private let sizeClass: Int

  /// Takes a buffer from the pool, or from the system.
  public init(count: Int) {
    if count > StoragePool.mostNumbers { StoragePool.endOutOfMemory(bytes: cappedProduct(count, 4)) }
    self.count = count
    sizeClass = StoragePool.sizeClass(for: count)
    base = StoragePool.take(sizeClass)
  }

  deinit { StoragePool.give(base, sizeClass) }
}

/// An allocation that passed the pool's limit, in bytes.
public struct StorageOverflow: Equatable, Sendable {
  /// Asked for.
  public var requested: Int
  /// Held by others at that moment.
  public var live: Int
  /// As set by `StoragePool.setLimit`.
  public var limit: Int
}

#if SANITIZED
  /// In place of Swift's own under a sanitizer: that one waits by futex, so that the thread sanitizer does not see what it
  /// orders.
  final class Mutex<Value>: @unchecked Sendable {
    private var value: Value
    private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)

    init(_ value: Value) {
      self.value = value
      pthread_mutex_init(lock, nil)
    }

    func withLock<Result>(_ body: (inout Value) throws -> Result) rethrows -> Result {
      pthread_mutex_lock(lock)
      defer { pthread_mutex_unlock(lock) }
      return try body(&value)
    }
  }
#endif

/// The pool behind `Storage`, and its counters (bytes).
public enum StoragePool {
  struct State {
    var free: [Int: [UInt]] = [:]
    var live = 0
    var peak = 0
    var pooled = 0
    var systemAllocations = 0
    var limit: Int?
    var overflow: StorageOverflow?
    var onOverflow: (@Sendable (StorageOverflow) -> Void)?
  }
  static let state = Mutex(State())

  /// Bytes in buffers that somebody holds.
  public static var liveBytes: Int { state.withLock { $0.live } }
  /// Highest `liveBytes` since the last `resetPeak`.
  public static var peakBytes: Int { state.withLock { $0.peak } }
  /// Buffers ever asked of the system; constant from the second training step on.
  public static var systemAllocations: Int { state.withLock { $0.systemAllocations } }
  /// Starts a new measurement of `peakBytes`.
  public static func resetPeak() { state.withLock { $0.peak = $0.live } }

  // MARK: A limit

  /// Sets a limit on the bytes that buffers may take, or lifts it (nil); buffers that wait unused are handed back
  /// before they pass it. The first allocation above it is kept as `overflow` and goes ahead unless `onOverflow`,
  /// which is told before the memory is taken, ends the process.
  public static func setLimit(_ bytes: Int?, onOverflow: (@Sendable (StorageOverflow) -> Void)? = nil) {
    state.withLock {
      $0.limit = bytes
      $0.overflow = nil
      $0.onOverflow = onOverflow
    }
  }

  /// The first allocation above the limit since it was set; nil: everything fitted.
  public static var overflow: StorageOverflow? { state.withLock { $0.overflow } }

  /// Rounds up to 1/8 of a power of two, so that at most an eighth is wasted and sizes recur.
  public static func sizeClass(for count: Int) -> Int {
    let floor = max(count, 16)
    let step = max(16, (1 << (Int.bitWidth - 1 - floor.leadingZeroBitCount)) / 8)
    return (floor + step - 1) / step * step
  }

  /// Bytes that a buffer of `count` floats takes.
  public static func reservedBytes(count: Int) -> Int { sizeClass(for: count) * MemoryLayout<Float>.stride }

  static func take(_ sizeClass: Int) -> UnsafeMutablePointer<Float> {
    let bytes = sizeClass * MemoryLayout<Float>.stride
    var (isFull, tell): (Bool, (() -> Void)?) = (false, nil)
    let reused: UInt? = state.withLock { state in
      if let limit = state.limit, state.live + bytes > limit, state.overflow == nil {
        let overflow = StorageOverflow(requested: bytes, live: state.live, limit: limit)
        state.overflow = overflow
        if let handler = state.onOverflow { tell = { handler(overflow) } }
      }
      state.live += bytes
      state.peak = max(state.peak, state.live)
      guard let address = state.free[sizeClass]?.popLast() else {
        state.systemAllocations += 1
        isFull = state.limit.map { state.live + state.pooled > $0 } ?? false
        return nil
      }
      state.pooled -= bytes
      return address
    }
    tell?()
    if isFull { trim() }
    if let reused { return UnsafeMutablePointer(bitPattern: reused)! }
    guard let raw = allocate(bytes) else {
      state.withLock { $0.live -= bytes }
      endOutOfMemory(bytes: bytes)
    }
    return raw.assumingMemoryBound(to: Float.self)
  }

  /// nil where there is no memory. The system promises more than it has: a large piece is compared with what is free.
  private static func allocate(_ bytes: Int) -> UnsafeMutableRawPointer? {
    for isRetry in [false, true] {
      if isRetry { trim() }
      if bytes >= 1 << 28, bytes > availableMemory() { continue }
      let alignment = bytes >= 1 << 21 ? 1 << 21 : 64
      guard let raw = up_try_allocate(alignment, bytes) else { continue }
      if bytes >= 1 << 21 { madvise(raw, bytes, Int32(MADV_HUGEPAGE)) }
      return raw
    }
    return nil
  }

  /// More is no size that anything has.
  static let mostNumbers = 1 << 56

  /// Ends the process with one line and exit code 1.
  static func endOutOfMemory(bytes: Int) -> Never {
    printNote(
      "error: out of memory: \(formatCount(bytes)) bytes wanted for a tensor, \(formatCount(liveBytes)) held by others, "
        + "\(formatCount(availableMemory())) free")
    _exit(1)
  }

  static func give(_ base: UnsafeMutablePointer<Float>, _ sizeClass: Int) {
    let bytes = sizeClass * MemoryLayout<Float>.stride
    state.withLock { state in
      state.live -= bytes
      state.pooled += bytes
      state.free[sizeClass, default: []].append(UInt(bitPattern: base))
    }
  }

  /// Hands every unused buffer back to the system.
  public static func trim() {
    let free = state.withLock { state in
      defer {
        state.free = [:]
        state.pooled = 0
      }
      return state.free
    }
    for address in free.values.joined() { Glibc.free(UnsafeMutableRawPointer(bitPattern: address)) }
  }
}
