@main struct Main { static func main() { print("bench: not built yet") } }
