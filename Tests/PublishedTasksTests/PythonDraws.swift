/// Seed, number, population and what `random.Random(seed).sample(range(population), number)` gives.
enum PythonDraws {
  static let all: [(Int, Int, Int, [Int])] = [
    (1234, 3, 30, [24, 14, 3]),
    (1234, 6, 30, [24, 14, 3, 0, 2, 18]),
    (1234, 4, 1000, [989, 796, 451, 119]),
    (0, 5, 21, [12, 13, 1, 8, 16]),
    (42, 6, 100, [81, 14, 3, 94, 35, 31]),
    (5000000000, 3, 7, [0, 4, 6]),
    (7, 8, 300, [165, 77, 202, 24, 37, 274, 48, 187]),
  ]
}
