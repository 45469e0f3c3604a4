import CKernels
import TensorCore

/// A teacher's side of distillation: its final hidden states [tokens, width'] and its head [vocab, width'].
public struct TeacherHead {
  /// [tokens, width'], after the teacher's final norm.
  public var hidden: Tensor
  /// [vocab, width']; rows beyond the student's vocabulary, which is padded to fewer, are left out.
  public var weight: Tensor
  /// Soft cap of the logits; 0: none.
  public var cap: Float

  /// Both have the teacher's width, which may differ from the student's; the vocabulary is the same but for rows at its end
  /// that no token has.
  /// - Parameter cap: soft cap of the logits; 0: none
  public init(hidden: Tensor, weight: Tensor, cap: Float = 0) {
    self.hidden = hidden
    self.weight = weight
    self.cap = cap
  }
}

/// What a head loss measured, summed over its tokens in float64.
public struct HeadLossSums: Sendable {
  /// Next-token cross-entropy, nats.
  public var crossEntropy = 0.0
  /// KL(teacher || student), nats.
  public var divergence = 0.0
  /// Tokens that counted.
  public var tokens = 0

  /// Nothing measured.
  public init() {}

  /// Adds what other tokens measured.
  public static func += (sums: inout HeadLossSums, part: HeadLossSums) {
    sums.crossEntropy += part.crossEntropy
    sums.divergence += part.divergence
    sums.tokens += part.tokens
  }
}

extension Tape {
  /// Language-model head fused with cross-entropy and forward KL from a teacher (X-EcoMLA's "SFT":
  /// temperature 1, all positions), computed in chunks of tokens so that [tokens, vocab] logits never exist:
  ///   loss = sum over tokens of (ceWeight CE + klWeight KL) * scale.
  ///
  /// Gradients are made in the same pass. Chunks are dealt to the threads in a fixed order, each thread
  /// with its own head gradient, so the same thread count gives the same bits.
  /// - Parameters:
  ///   - hidden: [..., width], after the final norm.
  ///   - targets: one id per row, negative to ignore the row in both terms.
  ///   - scale: 1 / (tokens of the whole optimizer step): `meanPerToken`.
  ///   - cap: soft cap of the logits, z = cap tanh(z / cap) (Gemma 2); 0: none
  public func headLoss(
    _ hidden: Variable, head: Parameter, targets: [Int32], teacher: TeacherHead? = nil, ceWeight: Float = 1,
    klWeight: Float = 0, scale: Float, cap: Float = 0
  ) -> (loss: Variable, sums: HeadLossSums) {
    let rows = hidden.rowCount
    let width = hidden.width
    let vocabulary = head.shape[0]
    precondition(targets.count == rows && head.shape[1] == width)
    precondition(teacher.map { $0.weight.shape[0] >= vocabulary } ?? true)
    let wantsGradient = isRecording && (hidden.id >= 0 || head.isTrainable)
    let chunk = headChunk(vocabulary)
    let chunks = (rows + chunk - 1) / chunk
    let lanes = min(Threads.count, chunks)
    let dHidden = wantsGradient ? Tensor([rows, width]) : nil
    let dHead = wantsGradient && head.isTrainable ? (0..<lanes).map { _ in Tensor.zeros(head.shape) } : []
    let losses = Tensor.zeros([2, rows])
    let weights = head.matrix
    let logits = (0..<lanes).map { _ in Tensor([chunk, vocabulary]) }
    let capped = cap > 0 && wantsGradient ? (0..<lanes).map { _ in Tensor([chunk, vocabulary]) } : []
    let teacherLogits = teacher == nil ? [] : (0..<lanes).map { _ in Tensor([chunk, vocabulary]) }

    targets.withUnsafeBufferPointer { targets in
      Threads.parallel(lanes) { lane in
        var index = lane
        while index < chunks {
          let low = index * chunk
          let count = min(chunk, rows - low)
          let z = logits[lane].pointer
          let x = hidden.value.pointer + low * width
          if isRowwise {
            rowwiseGemm(
              transB: true, m: count, n: vocabulary, k: width, a: x, lda: width, b: head.value.pointer, ldb: width,
              c: z,
              ldc: vocabulary)
          } else {
            weights.serialProduct(rows: count, x, lda: width, into: z, ldc: vocabulary)
          }
          if let teacher {
            let inner = teacher.hidden.width
            serialGemm(
              transB: true, m: count, n: vocabulary, k: inner, a: teacher.hidden.pointer + low * inner, lda: inner,
              b: teacher.weight.pointer, ldb: inner, c: teacherLogits[lane].pointer, ldc: vocabulary)
            if teacher.cap > 0 { up_soft_cap(teacherLogits[lane].pointer, count * vocabulary, teacher.cap) }
          }
          if cap > 0 {
            up_soft_cap(z, count * vocabulary, cap)
            if wantsGradient { capped[lane].pointer.update(from: z, count: count * vocabulary) }
          }
          up_cross_entropy(
            z, teacher == nil ? nil : teacherLogits[lane].pointer, targets.baseAddress! + low, count, vocabulary,
            ceWeight, klWeight, scale, losses.pointer + low, losses.pointer + rows + low, wantsGradient ? 1 : 0)
          if cap > 0 && wantsGradient { up_soft_cap_backward(capped[lane].pointer, z, count * vocabulary, cap) }
          if let dHidden {
            serialGemm(
              m: count, n: width, k: vocabulary, a: z, lda: vocabulary, b: head.value.pointer, ldb: width,
              c: dHidden.pointer + low * width, ldc: width)
          }
          if !dHead.isEmpty {
            serialGemm(
              transA: true, m: vocabulary, n: width, k: count, a: z, lda: vocabulary, b: x, ldb: width, beta: 1,
              c: dHead[lane].pointer, ldc: width)
          }
          index += lanes
        }
      }
    }

    var sums = HeadLossSums()
    for row in 0..<rows where targets[row] >= 0 {
      sums.crossEntropy += Double(losses.pointer[row])
      sums.divergence += Double(losses.pointer[rows + row])
      sums.tokens += 1
    }
    let total = (Double(ceWeight) * sums.crossEntropy + Double(klWeight) * sums.divergence) * Double(scale)
    let loss = record(Tensor([1], values: [Float(total)]), inputs: [hidden], parameters: [head]) { dLoss in
      let factor = dLoss.pointer[0]
      if head.isTrainable {
        let gradient = head.gradientBuffer()
        for part in dHead {
          parallelElements(part.count) {
            up_axpy(factor, part.pointer + $0.lowerBound, gradient.pointer + $0.lowerBound, $0.count)
          }
        }
      }
      if let dHidden {
        if factor != 1 { up_scale(factor, dHidden.pointer, dHidden.count) }
        self.accumulate(dHidden.reshaped(hidden.shape), into: hidden)
      }
    }
    return (loss, sums)
  }
}

/// Tokens per chunk: logits of about 2 MiB, so that they stay in cache, but at least 16 rows.
public func headChunk(_ vocabulary: Int) -> Int { max(16, min(256, (1 << 19) / vocabulary)) }
