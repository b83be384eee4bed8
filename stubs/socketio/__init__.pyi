from socketio import exceptions as exceptions
from socketio.async_server import AsyncServer as AsyncServer
