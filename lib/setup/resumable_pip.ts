// pip with downloads that go on where a killed one stopped: the Python program that set-up runs in place of `-m pip`.

/** Names the file that keeps what has come of the one wheel that pip is asked for. */
export const partialVariable = 'LORASHEAR_PARTIAL_WHEEL';

/**
 * pip resumes within one call at best (25.1 and newer) and throws a partial file away when it ends. This runs pip's own
 * main function with one of its methods replaced, `Downloader.__call__`, which has had the same name, arguments and
 * result since pip 21: the bytes go to the partial file, and a later call asks for the rest (RFC 9110 §14). Index, proxy,
 * certificates, credentials, retries of requests and the check of the hash remain pip's. A pip in which the method is
 * not found so is run as it is; its download then starts from the beginning.
 *
 * A partial file needs no ETag beside it: the pinned SHA-256 of the whole decides, and `fetch.ts` starts anew once when
 * a continued file turns out wrong.
 */
export const resumablePip = `
import sys
sys.path = [place for place in sys.path if place]  # nothing is imported from the working directory
import inspect, os, shutil, time
from pip._internal.cli.main import main

attempts = 5
parent = os.getppid()
part = os.environ['${partialVariable}']

def size_of(path):
    return os.path.getsize(path) if os.path.exists(path) else 0

def receive(session, url):
    """Appends what is missing to the partial file; returns the response and the size of the whole, if it is told."""
    have = size_of(part)
    whole_file = {'Accept-Encoding': 'identity'}
    rest = dict(whole_file, Range='bytes=%d-' % have)
    response = session.get(url, headers=rest if have else whole_file, stream=True)
    span = response.headers.get('Content-Range', '')
    if have and response.status_code == 416 and span == 'bytes */%d' % have:
        return response, have
    goes_on = have and response.status_code == 206 and span.startswith('bytes %d-' % have)
    if have and not goes_on and response.status_code != 200:  # refused, or another range than asked for
        response.close()
        response = session.get(url, headers=whole_file, stream=True)
    raise_for_status(response)
    size = span.rpartition('/')[2] if goes_on else response.headers.get('Content-Length', '')
    with open(part, 'ab' if goes_on else 'wb') as file:
        for chunk in response_chunks(response, 1 << 18):
            if os.getppid() != parent:
                os._exit(1)  # whoever asked is dead, and the next to ask may be writing this file
            file.write(chunk)
            file.flush()
    return response, int(size) if size.isdigit() else None

def download(self, link, location):
    url = link.url.split('#', 1)[0]
    for attempt in range(1, attempts + 1):
        before = size_of(part)
        try:
            response, whole = receive(self._session, url)
            if whole is None or size_of(part) >= whole:
                break
            problem = 'the connection ended after %d of %d bytes' % (size_of(part), whole)
        except NetworkConnectionError:
            raise
        except (RequestException, HTTPError) as error:
            problem = str(error)
        if attempt == attempts:
            raise NetworkConnectionError(problem)
        if size_of(part) <= before:
            time.sleep(attempt)
    path = os.path.join(location, link.filename)
    shutil.move(part, path)
    return path, response.headers.get('Content-Type', '')

try:
    import pip._internal.commands.download  # what pip imports first; another order meets circular imports
    from pip._internal.exceptions import NetworkConnectionError
    from pip._internal.network.download import Downloader
    from pip._internal.network.utils import raise_for_status, response_chunks
    from pip._vendor.requests.exceptions import RequestException
    from pip._vendor.urllib3.exceptions import HTTPError
    if list(inspect.signature(Downloader.__call__).parameters) != ['self', 'link', 'location']:
        raise ImportError('Downloader.__call__ takes other arguments')
    Downloader.__call__ = download
except ImportError as error:
    print('downloads are not resumable with this pip: %s' % error, file=sys.stderr)

sys.exit(main(sys.argv[1:]))
`;
