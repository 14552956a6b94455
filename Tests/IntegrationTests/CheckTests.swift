// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

extension IntegrationTests {
    /// Files that nobody would write on purpose, through the program itself.
    @Suite struct HostileFileTests {
        struct Case: Sendable, CustomTestStringConvertible {
            let name: String
            let bytes: [UInt8]
            /// What follows the path in a complaint; an empty file has no line to name.
            let place: String

            var testDescription: String { self.name }
        }

        static let cases = [
            Case(name: "empty", bytes: [], place: ": error[RB"),
            Case(name: "brackets", bytes: Array(repeating: UInt8(ascii: "["), count: 100_000), place: ":1:"),
            Case(name: "aliases", bytes: Array(Self.bomb.utf8), place: ":6:12: error[RB"),
            Case(
                name: "encoding",
                bytes: Array("runbook: a\ntitle: ".utf8) + [0xFF, 0xFE, 0x0A],
                place: ":2:8: error[RB"
            ),
            Case(name: "tab", bytes: Array("runbook: a\nsteps:\n\t- id: b\n".utf8), place: ":3:1: error[RB"),
            Case(name: "zero", bytes: Array("runbook: a\ntitle: b\0c\n".utf8), place: ":2:9: error[RB"),
        ]

        private static let bomb =
            "a: &a [x, x, x, x, x, x, x, x, x]\n"
            + zip("bcdefghi", "abcdefgh").map { new, old in
                "\(new): &\(new) [\(Array(repeating: "*\(old)", count: 9).joined(separator: ", "))]\n"
            }.joined()

        @Test(arguments: Self.cases)
        func `a hostile file is refused at once, with its place`(hostile: Case) async throws {
            let folder = "/tmp/selfheal-it-\(UUID().uuidString.prefix(8))"
            let path = try Selfheal.write("", "\(hostile.name).yaml", in: folder)
            defer { try? FileManager.default.removeItem(atPath: folder) }
            try Data(hostile.bytes).write(to: URL(fileURLWithPath: path))
            let start = ContinuousClock.now
            let check = try await Selfheal.run("check", path)
            let took = ContinuousClock.now - start
            #expect(check.status == 1, "\(check.description.prefix(2_000))")
            #expect(check.output.contains(path + hostile.place), "\(check.output.prefix(500))")
            #expect(check.output.utf8.count < 20_000, "a refusal is a page at most")
            #expect(took < .seconds(2))
        }

        @Test func `a folder and a missing file are said to be that`() async throws {
            let folder = try await Selfheal.run("check", "/tmp")
            #expect(folder.status == 1)
            #expect(folder.output.contains("is a directory"), "\(folder)")
            let missing = try await Selfheal.run("check", "/tmp/no-such-runbook.yaml")
            #expect(missing.status == 1)
            #expect(missing.output.contains("no such file"), "\(missing)")
        }

        @Test func `a configuration that is not one is refused with its place`() async throws {
            let folder = "/tmp/selfheal-it-\(UUID().uuidString.prefix(8))"
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let path = try Selfheal.write("cluster: [\n", "selfheal.yaml", in: folder)
            let run = try await Selfheal.run("runs", "--config", path)
            #expect(run.status == 1)
            #expect(run.complaint.hasPrefix("\(path):"), "\(run)")
            let none = try await Selfheal.run("runs", "--config", "\(folder)/none.yaml")
            #expect(none.status == 2)
        }
    }
}
