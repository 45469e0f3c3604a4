import Autograd
import Groundwork
import ModelCore

/// What a training step holds, in bytes, by formula: what `--budget` is checked against before a run, and the tables
/// of memory at the paper's size (HyLo Tables 1 and 9). Counts what this implementation keeps, operation by operation.
public struct StepMemory: Codable, Equatable, Sendable {
  /// Values, gradients and both moments of the student; values of the teacher.
  public var weights: Int
  /// What the backward pass needs of all layers, or, with checkpointing, the layers' inputs.
  public var activations: Int
  /// Logits, softmaxes and their gradients, and the final hidden states' gradient.
  public var loss: Int
  /// The widest layer's gradients and, with checkpointing, its activations; or the teacher's widest layer.
  public var working: Int
  /// The highest sum: weights and activations with the loss or with the working memory.
  public var peak: Int { weights + activations + max(loss, working) }

  /// How many bytes a number takes, and how the weights are dealt out.
  public struct Precision: Sendable {
    /// Of an activation.
    public var activation: Int
    /// Of a logit: as the head makes it and, where it is copied to float32 for the softmax, as that copy.
    public var logit: Int
    /// Of a softmax or of a logit's gradient.
    public var softmax: Int
    /// Of a trained parameter with its gradient and both moments.
    public var trained: Int
    /// Of a frozen parameter.
    public var frozen: Int
    /// Devices that share the weights (FSDP).
    public var shards: Int

    init(activation: Int, logit: Int, softmax: Int, trained: Int, frozen: Int, shards: Int = 1) {
      self.activation = activation
      self.logit = logit
      self.softmax = softmax
      self.trained = trained
      self.frozen = frozen
      self.shards = shards
    }

    /// This implementation: float32 throughout, one process.
    public static let own = Precision(activation: 4, logit: 4, softmax: 4, trained: 16, frozen: 4)
    /// The paper's: bfloat16 activations, logits copied to float32 for the softmax, mixed-precision AdamW, 8 devices.
    public static let paper = Precision(activation: 2, logit: 6, softmax: 4, trained: 16, frozen: 2, shards: 8)
  }

  /// - Parameters:
  ///   - tokens: of one forward pass, batch times length.
  ///   - teacher: nil for none, or when its states come from a cache (then `teacherWidth`).
  ///   - trainsTeacher: keeps the teacher's activations, gradients and moments too, as a step without `no_grad` would.
  public init(
    student: ModelConfig, teacher: ModelConfig?, tokens: Int, form: LossForm = .hidden, checkpointing: Bool,
    trainsTeacher: Bool = false, teacherWidth: Int? = nil, precision: Precision = .own, lanes: Int = 2
  ) {
    let d = student.hiddenSize
    let vocabulary = student.vocabularySize
    let kept = (0..<student.layerCount).map { student.keptNumbersPerToken(layer: $0) }
    // A layer that is recomputed stands beside its own gradients.
    let widest =
      (0..<student.layerCount).map {
        student.gradientNumbersPerToken(layer: $0) + (checkpointing ? kept[$0] : 0)
      }.max() ?? 0
    let hasTeacher = teacher != nil || teacherWidth != nil

    weights = student.parameterCount * precision.trained / precision.shards
    if let teacher {
      weights += teacher.parameterCount * (trainsTeacher ? precision.trained : precision.frozen) / precision.shards
    }
    // Embedding output, layers, final norm; with checkpointing each layer leaves its output alone.
    let numbers = checkpointing ? (student.layerCount + 2) * d : 2 * d + kept.reduce(0, +)
    activations = tokens * numbers * precision.activation
    if let teacher, trainsTeacher {
      activations +=
        tokens * precision.activation
        * (2 * teacher.hiddenSize + (0..<teacher.layerCount).reduce(0) { $0 + teacher.keptNumbersPerToken(layer: $1) })
    }
    let teacherStates = tokens * (teacher?.hiddenSize ?? teacherWidth ?? 0) * precision.activation
    let matrices = form.matrices(hasTeacher: hasTeacher)
    loss = teacherStates
    if form == .hidden {
      let chunk = headChunk(vocabulary)
      loss +=
        tokens * d * precision.activation + lanes * (vocabulary * d + chunk * vocabulary * (hasTeacher ? 2 : 1))
        * precision.softmax
    } else {
      loss += tokens * vocabulary * (matrices.logits * precision.logit + matrices.others * precision.softmax)
    }
    // Whole logits, and a gradient of their own, stand until the step ends.
    let heldLogits =
      tokens * vocabulary * (matrices.logits * precision.logit + min(1, matrices.others) * precision.softmax)
    working = teacherStates + heldLogits + tokens * widest * precision.activation
    if let teacher {
      // Before the student's forward pass nothing of it stands but weights.
      let forward = tokens * teacher.forwardNumbersPerToken * precision.activation
      working = max(working, forward - activations)
    }
  }
}

extension StepMemory {
  /// Refuses a step whose batch or activations do not fit in memory, before anything of it is made.
  /// - Parameters:
  ///   - sharing: processes that deal the batch's sequences among them
  ///   - kept: bytes that will stand beside them and do not yet
  public static func require(
    _ plan: TrainingPlan, student: ModelConfig, teacher: ModelConfig? = nil, sharing: Int = 1, beside kept: Int = 0
  ) throws {
    let (what, option) = ("steps of \(plan.batch) x \(plan.time) tokens", "batch and sequence length")
    // Ids, targets and positions of a batch.
    let batch = cappedProduct(plan.batch, plan.time, 16)
    try requireMemory(batch, for: what, at: option)
    let memory = StepMemory(
      student: student, teacher: teacher, tokens: max(1, min(plan.microBatch, plan.batch / sharing)) * plan.time,
      checkpointing: plan.checkpointing, lanes: 1)
    try requireMemory(
      cappedSum(kept, batch, memory.activations, max(memory.loss, memory.working)), for: what, at: option)
  }
}

extension ModelConfig {
  /// Numbers per token that the backward pass of one decoder layer needs: every operation's output.
  public func keptNumbersPerToken(layer: Int) -> Int {
    // Both norms, the mixer's and the feed-forward's outputs and both sums; gate and up; their product.
    let transform = hasFeedForward ? 6 * hiddenSize + feedForwardNumbersPerToken(layer: layer) : 3 * hiddenSize
    return transform + mixerNumbersPerToken(layer: layer)
  }

  /// Numbers per token that one layer's gradients take on top of what it keeps: the feed-forward's, or later the
  /// mixer's, when what the feed-forward kept is gone.
  func gradientNumbersPerToken(layer: Int) -> Int {
    let feedForward = feedForwardNumbersPerToken(layer: layer)
    return 3 * hiddenSize + max(feedForward, mixerNumbersPerToken(layer: layer) - feedForward - 3 * hiddenSize)
  }

  /// Numbers per token that a forward pass without gradients holds at once.
  var forwardNumbersPerToken: Int {
    let widest = (0..<layerCount).map { mixerNumbersPerToken(layer: $0) }.max() ?? 0
    let transform = (0..<layerCount).map { feedForwardNumbersPerToken(layer: $0) }.max() ?? 0
    return 3 * hiddenSize + max(transform, widest)
  }

  /// Gate, up and their product of a feed-forward, or without a gate up and what it becomes; with experts gate and up of a token's, all three of the shared ones,
  /// the rows that go to experts and come back, the router's logits and scores, and both parts' outputs.
  func feedForwardNumbersPerToken(layer: Int) -> Int {
    if !hasFeedForward { return 0 }
    guard let experts, experts.isUsed(inLayer: layer) else {
      return (block.isUngated ? 2 : 3) * intermediateSize
    }
    return experts.perToken * (2 * hiddenSize + 2 * experts.width) + 3 * experts.sharedWidth + 2 * experts.count
      + experts.perToken + (experts.sharedWidth > 0 ? 2 : 1) * hiddenSize
  }

  /// Outputs of a mixer's operations per token, without the output projection's.
  private func mixerNumbersPerToken(layer: Int) -> Int {
    mixers[layer].mixer.costs(self, layer: layer).keptNumbersPerToken
  }
}
