// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// Agreements about the source, as failures with a useful sentence.
@Suite struct SourceTidyTests {
    static let pure = [
        "RunVocabulary", "RunbookSource", "CELExpressions", "CronCalendar", "RunPlan", "RunbookLanguage",
        "RunbookCompiler", "RunCore",
        "RunbookEditor", "LanguageServer", "RunVerifier", "CommandReceipts", "Doctor", "SelfhealConfiguration",
        "RunReplay", "RunSimulator", "RunbookTesting", "ClusterWatch", "RunPorts",
    ]

    @Test(arguments: pure)
    func `a pure module imports nothing that can reach the world`(module: String) throws {
        let worldly = /^\s*(\w+ )?import (Foundation\w*|Dispatch|Glibc|Musl|NIO\w*|CLinux|CLib\w+)\b/
        for file in try Repository.swiftFiles(under: "Sources/\(module)") {
            for (number, line) in file.lines where line.contains("import ") && line.contains(worldly) {
                Issue.record("\(file.path):\(number): \(module) is pure; this belongs in a driver")
            }
        }
    }

    @Test(arguments: pure)
    func `a pure module waits for nothing and asks no clock`(module: String) throws {
        let impure = [
            "Task {", "Date()", ".random(", "ContinuousClock", "SuspendingClock", "SystemRandomNumberGenerator",
        ]
        for file in try Repository.swiftFiles(under: "Sources/\(module)") {
            for (number, line) in file.lines where impure.contains(where: { line.contains($0) }) {
                if !line.contains(/^\s*\/\//) {
                    Issue.record("\(file.path):\(number): time and chance come into \(module) as arguments")
                }
            }
        }
    }

    @Test(arguments: [("CLibssh", "SSHClient"), ("CLibcurl", "CurlTransfer"), ("CLibYAML", "RunbookYAML")])
    func `a C library is imported by its wrapper alone`(library: String, wrapper: String) throws {
        for file in try Repository.swiftFiles(under: "Sources") where !file.path.hasPrefix("Sources/\(wrapper)/") {
            for (number, line) in file.lines where line.contains("import \(library)") {
                Issue.record("\(file.path):\(number): only \(wrapper) imports \(library)")
            }
        }
    }

    @Test func `the library for HTTP is imported by one module, for itself alone`() throws {
        let library = /^\s*(\w+ )*import (\w+ )?(Hummingbird|NIO|HTTPTypes\b|Logging\b)/
        for folder in ["Sources", "Tests", "Benchmarks"] {
            for file in try Repository.swiftFiles(under: folder) {
                for (number, line) in file.lines where line.contains("import ") && line.contains(library) {
                    let isAtHome = file.path.hasPrefix("Sources/HTTPService/")
                    if !isAtHome || line.hasPrefix("package ") || line.hasPrefix("public ") {
                        Issue.record("\(file.path):\(number): only HTTPService knows who serves")
                    }
                }
            }
        }
    }

    @Test func `nothing prints but the program`() throws {
        // The mail sink of the tests holds a program in another language.
        let allowed = ["Sources/selfheal/", "Sources/TestSupport/MailSink.swift"]
        for file in try Repository.swiftFiles(under: "Sources") where !allowed.contains(where: file.path.hasPrefix) {
            for (number, line) in file.lines where line.contains("rint(") || line.contains("dump(") {
                if line.contains(/(^|[^.\w])(print|debugPrint|dump)\(/), !line.contains(/^\s*\/\//) {
                    Issue.record("\(file.path):\(number): what is to be seen goes through the caller")
                }
            }
        }
    }

    @Test func `every Swift file says whose it is`() throws {
        let header = "// Selfheal\n// SPDX-License-Identifier: Apache-2.0\n"
        for folder in ["Sources", "Tests", "Benchmarks", "Fuzzing"] {
            for file in try Repository.swiftFiles(under: folder) where !file.text.hasPrefix(header) {
                Issue.record("\(file.path) does not begin with the two lines of the header")
            }
        }
    }

    /// A longer file hides what it decides; it is split by what it decides, not by kind of declaration.
    private static let lineLimit = 800

    @Test func `no file is too long to be read`() throws {
        for folder in ["Sources", "Tests", "Benchmarks", "Fuzzing"] {
            for file in try Repository.swiftFiles(under: folder) where file.lines.count > Self.lineLimit {
                Issue.record("\(file.path) has \(file.lines.count) lines; split it by what it decides")
            }
        }
    }

    @Test func `nothing is left to be done in a comment`() throws {
        // In two parts, so that this file does not find itself.
        let words = ["TO" + "DO", "FIX" + "ME"]
        for folder in ["Sources", "Tests", "Benchmarks", "Fuzzing"] {
            for file in try Repository.swiftFiles(under: folder) {
                for (number, line) in file.lines where words.contains(where: { line.contains($0) }) {
                    Issue.record("\(file.path):\(number): finish it, or open an issue")
                }
            }
        }
    }

    @Test func `no placeholder is left`() throws {
        for path in try Repository.paths(under: "").filter({ $0.hasSuffix("/Placeholder.swift") }) {
            let folder = String(path.dropLast("/Placeholder.swift".count))
            let others = try Repository.swiftFiles(under: folder).count - 1
            #expect(others == 0, "\(path) stands beside real code")
        }
    }

    // A file that names a folder of one machine works on that machine alone.
    @Test func `no file speaks of the place it was written at`() throws {
        let places = ["/wo" + "rk/", "/fa" + "rm/", "swift-" + "packages"]
        for file in try Repository.textFiles() {
            for place in places {
                if let range = file.text.range(of: place) {
                    Issue.record("\(file.path):\(file.number(of: range.lowerBound)) speaks of '\(place)'")
                }
            }
        }
    }
}
