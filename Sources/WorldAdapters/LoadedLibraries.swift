// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import Doctor
import Subprocess
import SystemPackage

/// Finds the files of the libraries in this process, and asks the package manager whose they are.
package struct LoadedLibraries: Sendable {
    /// How long the package manager may take for one question.
    private static let patience = Duration.seconds(20)
    private static let answerLimit = 64 << 10

    /// The files that are mapped into this process.
    private let files: [String]

    /// `maps` is the text of `/proc/self/maps`.
    package init(maps: String) {
        let paths = maps.split(separator: "\n").compactMap { line in
            line.firstIndex(of: "/").map { String(line[$0...]) }
        }
        self.files = Set(paths).sorted()
    }

    /// The package that has brought a library.
    package func package(of library: Library) async -> PackageFacts {
        guard let file = self.files.first(where: { Self.name($0).hasPrefix(library.fileName) }) else {
            return .unknown(because: "\(library.fileName)* is not loaded")
        }
        // Files may be known by the name they had before /lib became a link to /usr/lib.
        guard let owner = await Self.ask(["--search", "*/\(Self.name(file))"]) else {
            return .unknown(because: "dpkg-query is not there or did not answer")
        }
        guard let package = Self.owner(of: file, in: owner) else {
            return .none(file: file)
        }
        guard let revision = await Self.ask(["--show", "--showformat=${Version}", package]), !revision.isEmpty else {
            return .unknown(because: "dpkg-query does not know the package \(package)")
        }
        return .debian(name: String(package.prefix { $0 != ":" }), revision: DebianVersion(revision))
    }

    /// `libssh-4:amd64: /usr/lib/x86_64-linux-gnu/libssh.so.4.9.6`, perhaps among others of that name.
    static func owner(of file: String, in answer: String) -> String? {
        let names = Set([file, file.hasPrefix("/usr/") ? String(file.dropFirst(4)) : "/usr\(file)"])
        for line in answer.split(separator: "\n") {
            guard let colon = line.firstRange(of: ": ") else {
                continue
            }
            if names.contains(String(line[colon.upperBound...])) {
                return String(line[..<colon.lowerBound])
            }
        }
        return nil
    }

    private static func name(_ path: String) -> String {
        String(path.split(separator: "/").last ?? "")
    }

    /// What the program printed, even if it found nothing; nil when it could not be asked.
    private static func ask(_ words: [String]) async -> String? {
        await withTaskGroup(of: String?.self) { group in
            group.addTask {
                let result = try? await Subprocess.run(
                    .name("dpkg-query"),
                    arguments: Arguments(words),
                    output: .string(limit: Self.answerLimit),
                    error: .discarded
                )
                return result?.standardOutput
            }
            group.addTask {
                try? await Task.sleep(for: Self.patience, clock: .continuous)
                return nil
            }
            defer { group.cancelAll() }
            return await group.next() ?? nil
        }
    }
}

extension Library {
    /// How the file is called, up to its version.
    fileprivate var fileName: String {
        switch self {
        case .libssh: "libssh.so"
        case .libcurl: "libcurl.so"
        case .libyaml: "libyaml-0.so"
        case .sqlite: "libsqlite3.so"
        case .openssl: "libcrypto.so"
        }
    }
}
