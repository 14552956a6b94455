// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CLinux
import Glibc

/// Waits for files to change.
///
/// It watches their folders: editors write a new file and rename it over the old one, after which a watch of the old one sees nothing.
struct FileWatch {
    private let descriptor: Int32
    /// The files in each watched folder, by the folder's number.
    private var files: [Int32: [String]] = [:]

    /// Editors write a file in several steps; what comes within this time is one change.
    private static let settlingMilliseconds: Int32 = 50
    /// A file that changes all the time is still looked at.
    private static let roundLimit = 20

    init(_ files: [String]) throws {
        self.descriptor = inotify_init1(Int32(IN_CLOEXEC))
        guard self.descriptor >= 0 else {
            throw Self.failure("cannot watch files")
        }
        let events = UInt32(IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_DELETE)
        for file in files {
            let folder = TextFile.folder(of: file)
            let watch = inotify_add_watch(self.descriptor, folder, events)
            guard watch >= 0 else {
                throw Self.failure("cannot watch \(folder)")
            }
            self.files[watch, default: []].append(file)
        }
    }

    /// Calls `body` with the files that have changed, until the process ends.
    func forEachChange(_ body: ([String]) -> Void) throws -> Never {
        while true {
            var changed = try self.read()
            var input = pollfd(fd: self.descriptor, events: Int16(POLLIN), revents: 0)
            for _ in 0..<Self.roundLimit where poll(&input, 1, Self.settlingMilliseconds) > 0 {
                changed.formUnion(try self.read())
            }
            if !changed.isEmpty {
                body(changed.sorted())
            }
        }
    }

    /// Waits for events, and returns the files of ours that they are about.
    private func read() throws -> Set<String> {
        var buffer = [UInt8](repeating: 0, count: 64 * 1024)
        let count = buffer.withUnsafeMutableBytes { Glibc.read(self.descriptor, $0.baseAddress, $0.count) }
        guard count > 0 else {
            if errno == EINTR {
                return []
            }
            throw Self.failure("cannot watch files")
        }
        var changed: Set<String> = []
        var offset = 0
        let header = MemoryLayout<inotify_event>.size
        buffer.withUnsafeBytes { bytes in
            while offset + header <= count {
                let event = bytes.loadUnaligned(fromByteOffset: offset, as: inotify_event.self)
                let name = bytes[(offset + header)..<(offset + header + Int(event.len))].prefix { $0 != 0 }
                let text = String(decoding: name, as: UTF8.self)
                for file in self.files[event.wd] ?? [] where file == text || file.hasSuffix("/\(text)") {
                    changed.insert(file)
                }
                offset += header + Int(event.len)
            }
        }
        return changed
    }

    private static func failure(_ what: String) -> any Error {
        Terminal.say("\(what): \(String(cString: strerror(errno)).lowercased())")
        return ExitCode.weFailed
    }
}
